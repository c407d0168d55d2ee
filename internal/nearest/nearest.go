// Package nearest finds the known word that a mistyped one was probably meant to be.
package nearest

import "strings"

// Word returns the candidate closest to word, or "" when none is close: at most a
// third of the word's letters (and at least one) may differ. Of equally close ones the
// first counts.
func Word(word string, candidates []string) string {
	return within(word, candidates, max(1, len([]rune(word))/3))
}

// Slip returns the candidate that a word is but for a slip of the fingers, or "": one or two letters may differ, however
// long it is.
func Slip(word string, candidates []string) string {
	return within(word, candidates, min(2, max(1, len([]rune(word))/3)))
}

func within(word string, candidates []string, most int) string {
	w := []rune(strings.ToLower(word))
	best, bestDistance := "", most+1
	for _, c := range candidates {
		if d := distance(w, []rune(strings.ToLower(c))); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts insertions, deletions, changes and swaps of neighbours.
func distance(a, b []rune) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

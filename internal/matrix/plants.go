package matrix

// plants are the defects, by row.
var plants = map[int]Plant{}

package evidence

import "encoding/json"

// personal checks personal data that goes along against its salted digests. What a later part
// sealed anew, because it had changed, is held against the newest: that is what there still is.
func (v *verification) personal(parts []*Manifest) {
	var names []string
	newest, replaced := map[string]Apart{}, 0
	for _, m := range parts {
		for _, a := range m.Apart {
			if _, there := newest[a.Name]; there {
				replaced++
			} else {
				names = append(names, a.Name)
			}
			newest[a.Name] = a
		}
	}
	if len(names) == 0 {
		return
	}
	var salts Salts
	if b, ok := v.files[FileSalts]; ok {
		v.used[FileSalts] = true
		if err := json.Unmarshal(b, &salts); err != nil {
			v.found(Finding{Code: CodePersonal, File: FileSalts}, "%s: it can't be read: %v.", "%s: 読み取れません: %v。", FileSalts, err)
		}
	}
	without := 0
	for _, n := range names {
		name := DirPrivate + n
		b, ok := v.files[name]
		v.used[name] = true
		if !ok {
			without++
			continue
		}
		if SaltedSum(salts[n], b) != newest[n].Salted {
			v.found(Finding{Code: CodePersonal, File: name}, "%s: it is not what was sealed.", "%s: 封印時の内容と異なります。", name)
		}
	}
	if without > 0 {
		v.note("%d of %d pieces of personal data are not in the bundle: they were erased or left out.", "個人情報 %[2]d 件のうち %[1]d 件はバンドルに含まれていません（消去済み、または対象外）。", without, len(names))
	}
	if replaced > 0 && without < len(names) {
		v.note("%d piece(s) of personal data were sealed again in a later part; what is in the bundle was held against the newest.", "個人情報 %d 件は後の部で改めて封印されています。バンドルの内容は最新の封印と照合しました。", replaced)
	}
}

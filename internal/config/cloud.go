package config

import "time"

// Cloud says how the secret stores of AWS, Google and Azure are read. Who we are there is found by their makers' libraries.
type Cloud struct {
	Program string        `mapstructure:"program"`
	Cache   time.Duration `mapstructure:"cache"`
}

func cloudKeys() []Key {
	return []Key{
		{"cloud.program", "", "path of muster-cloud, which reads secret://aws/..., secret://gcp/... and secret://azure/...; empty looks beside muster and in PATH", "secret://aws/…、secret://gcp/…、secret://azure/… を読むmuster-cloudのパス。空ならmusterと同じ場所とPATHから探す"},
		{"cloud.cache", "0s", "how long a secret of a cloud's store is kept in memory after it was read, 5m at most; 0s reads it at each use", "クラウドの保管先から読み取った秘密情報をメモリに保持する時間 (最長5m)。0sなら使うたびに読む"},
	}
}

// checkCloud judges how the clouds' stores are read.
func (c Config) checkCloud(say wrong) {
	if c.Cloud.Cache < 0 || c.Cloud.Cache > mostCache {
		say("cloud.cache", "%s is not from 0s to %s: a secret that was changed has to count soon", "%s は0sから%sの範囲にしてください（変更した秘密情報をすぐ反映するため）", c.Cloud.Cache, mostCache)
	}
}

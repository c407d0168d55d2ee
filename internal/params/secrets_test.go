package params

import "testing"

func TestWhichReferencesASecretMayHave(t *testing.T) {
	for ref, right := range map[string]bool{
		"secret://env/DB_PASSWORD":               true,
		"secret://file/etc/muster/db":            true,
		"secret://systemd/db":                    true,
		"secret://vault/kv/orders/db#password":   true,
		"secret://vault/kv/orders/db":            false,
		"secret://aws/orders/db":                 true,
		"secret://aws/rds!cluster-1234#password": true,
		"secret://aws/arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:orders/db-AbCdEf#password": true,
		"secret://aws/":                              false,
		"secret://aws/orders/db#":                    false,
		"secret://gcp/orders-prod/db":                true,
		"secret://gcp/orders-prod/db/3#password":     true,
		"secret://gcp/orders-prod":                   false,
		"secret://gcp/orders-prod/db/3/4":            false,
		"secret://azure/orders-kv/db#password":       true,
		"secret://azure/orders-kv.vault.azure.cn/db": true,
		"secret://azure/orders-kv":                   false,
		"secret://azure/orders-kv/../db":             false,
		"secret://other/db":                          false,
		"hunter2":                                    false,
	} {
		if err := secretRef(ref); (err == nil) != right {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

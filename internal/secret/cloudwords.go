package secret

import "github.com/muster-dr/muster/internal/plan"

// cloudStore is what people need to know of a cloud's store when it gives nothing.
type cloudStore struct {
	name, form string
	role       plan.Text // where our credentials come from
	right      string    // what we need there
	look       plan.Text // where a person looks
}

var cloudStores = map[string]cloudStore{
	"aws": {"AWS Secrets Manager", "secret://aws/NAME-OR-ARN#FIELD",
		plan.Say("an instance profile, a pod's role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "インスタンスプロファイル、Podのロール、または AWS_ACCESS_KEY_ID と AWS_SECRET_ACCESS_KEY"),
		"secretsmanager:GetSecretValue, kms:Decrypt",
		plan.Say("aws secretsmanager describe-secret --secret-id NAME", "aws secretsmanager describe-secret --secret-id 名前")},
	"gcp": {"Google Secret Manager", "secret://gcp/PROJECT/SECRET#FIELD, secret://gcp/PROJECT/SECRET/VERSION#FIELD",
		plan.Say("the machine's service account, workload identity, or GOOGLE_APPLICATION_CREDENTIALS", "マシンのサービスアカウント、Workload Identity、または GOOGLE_APPLICATION_CREDENTIALS"),
		"roles/secretmanager.secretAccessor",
		plan.Say("gcloud secrets versions list SECRET --project PROJECT", "gcloud secrets versions list 秘密情報 --project プロジェクト")},
	"azure": {"Azure Key Vault", "secret://azure/VAULT/SECRET#FIELD",
		plan.Say("a managed identity, workload identity, or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET", "マネージドID、ワークロードID、または AZURE_TENANT_ID、AZURE_CLIENT_ID、AZURE_CLIENT_SECRET"),
		"Key Vault Secrets User",
		plan.Say("az keyvault secret list-versions --vault-name VAULT --name SECRET", "az keyvault secret list-versions --vault-name VAULT --name 秘密情報")},
}

// wrong says in words why muster-cloud has no value; why is one of the reasons of its module.
func (s cloudStore) wrong(ref, why string, told plan.Text) error {
	if told.EN == "" {
		told = plan.Say("no reason was given", "理由は示されていません")
	}
	switch why {
	case "form":
		return plan.Wrong("%s: %s takes no such name (%s); write %s; #FIELD is a key of a secret that is JSON", "%s: %s の参照として正しくありません（%s）。%s の形で書いてください。#FIELD はJSON形式の秘密情報のキーで、省略できます", ref, s.name, told, s.form)
	case "settings":
		return plan.Wrong("%s: the settings for %s do not suffice: %s", "%s: %s の設定が不足しています: %s", ref, s.name, told)
	case "credentials":
		return plan.Wrong("%s: %s does not know us, or we have no credentials: %s; they come from %s", "%s: %s にサインインできません（%s）。認証情報の取得元: %s", ref, s.name, told, s.role)
	case "denied":
		return plan.Wrong("%s: %s does not let us read it: %s; we need there: %s", "%s: %s に拒否されました（%s）。必要な権限: %s", ref, s.name, told, s.right)
	case "missing":
		return plan.Wrong("%s: %s has nothing there, or it is disabled or deleted: %s; look with: %s", "%s: %s にデータがないか、無効化または削除されています（%s）。次で確認してください: %s", ref, s.name, told, s.look)
	case "busy":
		return plan.Wrong("%s: %s has been asked too often: %s; wait a minute and retry, or set cloud.cache", "%s: %s の呼び出し回数が上限を超えました（%s）。1分ほど待って再試行するか、cloud.cache を設定してください", ref, s.name, told)
	case "away":
		return plan.Wrong("%s: %s can't be reached or does not serve: %s; nothing is kept from before, so steps wait until it is back", "%s: %s に接続できないか、応答がありません（%s）。以前の値は保持していないため、復旧するまでステップは待機します", ref, s.name, told)
	case "field":
		return plan.Wrong("%s: there is no text in that field of the secret in %s; #FIELD is a key of a JSON object, whose value is a text", "%s: %s の秘密情報のその項目に文字列がありません。#FIELD には、JSONオブジェクトのキーのうち値が文字列のものを指定してください", ref, s.name)
	case "binary":
		return plan.Wrong("%s: what %s holds there is no text (UTF-8); keep it there as text", "%s: %s にある値は文字列（UTF-8）ではありません。文字列として保存してください", ref, s.name)
	}
	return plan.Wrong("%s: the answer of %s can't be read; look at: %s", "%s: %s の応答を読み取れません。次で確認してください: %s", ref, s.name, s.look)
}

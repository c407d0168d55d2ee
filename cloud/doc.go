// Package cloud reads one secret from the store of a cloud, by its maker's own library: AWS Secrets Manager,
// Google Secret Manager or Azure Key Vault. Who we are comes from where those libraries look: the machine's
// or pod's role, files, the environment.
//
// It is a module and a program (muster-cloud) of its own, so that no process of muster that stays carries
// those libraries: muster starts it for one reference and it ends.
package cloud

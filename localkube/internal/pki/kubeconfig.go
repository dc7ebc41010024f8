package pki

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/fairwayhq/fairway/localkube/internal/datadir"
)

// WriteKubeconfig writes a kubeconfig for server with CA and token inside, so
// that the file can be copied away.
func (f *Files) WriteKubeconfig(file, server, user, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["localkube"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: f.CAData}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["localkube"] = &clientcmdapi.Context{Cluster: "localkube", AuthInfo: user}
	config.CurrentContext = "localkube"
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("write kubeconfig for %s: %w", user, err)
	}
	return datadir.WriteFile(file, data, 0o600)
}

package update

import (
	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// RollSettings returns how an update rolls the nodes of a pool, from the config
// items of the cluster and the pool. CodeInvalid names an item that is wrong.
func RollSettings(cluster map[string]string, p fairway.NodePool) (roll.Settings, error) {
	return rollSettings(cluster, p)
}

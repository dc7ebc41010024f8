package main

import (
	"os"
	"runtime/debug"
)

// memoryLimit is where the garbage collector starts to work harder. The
// binary's own pages come on top of it.
const memoryLimit = 500 << 20

// tuneStart collects garbage as Go does by default: a start makes much of it,
// and is over soon. GOGC and GOMEMLIMIT in the environment win.
func tuneStart() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// tuneRun trades processor time of the garbage collector for memory: several
// clusters share one machine with their manager.
func tuneRun() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	debug.FreeOSMemory() // what only the start needed
}

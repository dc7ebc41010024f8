package main

import (
	"bytes"
	"flag"
	"os"
	"sync"

	"k8s.io/klog/v2"
)

// componentLog is where the components of Kubernetes log to. It passes errors
// on, once the cluster is up: while it comes up they are about parts that are
// not there yet, and worth reading only if the start fails.
type componentLog struct {
	mu sync.Mutex
	// The rest is guarded by mu.
	started bool
	held    [][]byte
}

// maxHeld is how many errors of a start are kept.
const maxHeld = 40

// harmless errors are part of the normal work of the controllers.
var harmless = [][]byte{
	[]byte("is not as new as written version"), // a controller waits for its cache, and tries again
	[]byte("object has been modified"),
	[]byte("context canceled"),
	[]byte("The manifest file is empty"),
	[]byte("Shutting down"),
}

// quiet routes klog to a componentLog.
func quiet() *componentLog {
	fs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(fs)
	for name, value := range map[string]string{"logtostderr": "false", "alsologtostderr": "false", "stderrthreshold": "FATAL", "one_output": "true", "v": "0"} {
		if err := fs.Set(name, value); err != nil {
			panic("set klog flag " + name + ": " + err.Error()) // the flags are klog's own
		}
	}
	l := &componentLog{}
	klog.SetOutput(l)
	return l
}

// Write takes one line; klog's lines begin with the letter of their severity.
func (l *componentLog) Write(line []byte) (int, error) {
	if len(line) == 0 || line[0] == 'I' || line[0] == 'W' {
		return len(line), nil
	}
	for _, h := range harmless {
		if bytes.Contains(line, h) {
			return len(line), nil
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.started || line[0] == 'F' {
		return os.Stderr.Write(line)
	}
	if len(l.held) < maxHeld {
		l.held = append(l.held, bytes.Clone(line))
	}
	return len(line), nil
}

// start forgets what was held and passes on what comes.
func (l *componentLog) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started, l.held = true, nil
}

// release prints what was held, for a start that failed.
func (l *componentLog) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.held {
		os.Stderr.Write(line)
	}
	l.started, l.held = true, nil
}

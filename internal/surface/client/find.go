package client

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fairwayhq/fairway"
)

// The data folders of `fairway server` and `fairway demo` when --data is not given.
const (
	ServerData = "fairway-data"
	DemoData   = "fairway-demo"
)

// Flags say which server to use. Given are, in this order: Server, Data,
// FAIRWAY_SERVER, and else the server whose data folder is in the working
// directory.
type Flags struct {
	// Server is an address; "" means not given.
	Server string
	// Token is shown to the server; "" means FAIRWAY_TOKEN, or else the token
	// of the data folder when the server was found by it.
	Token string
	// Data is the data folder of a server on this machine; "" means not given.
	Data string
	// Env looks up environment variables; nil means os.Getenv.
	Env func(string) string
}

// ServerFile is the content of DATA/server.json, with which a server says where
// it is found.
type ServerFile struct {
	Address string `json:"address"`
	// TokenFile holds the token, alone; a relative path starts at the data folder.
	TokenFile string `json:"token_file"`
	// ConfigSources are NAME:git:PATH or NAME:dir:PATH: the server's config
	// sources as they can be read on its machine.
	ConfigSources []string `json:"config_sources"`
}

// ReadServerFile reads DIR/server.json; the error is that of reading a file, or
// CodeInvalid.
func ReadServerFile(dir string) (*ServerFile, error) {
	path := filepath.Join(dir, "server.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file ServerFile
	if err := json.Unmarshal(text, &file); err != nil || file.Address == "" {
		return nil, fairway.Errorf(fairway.CodeInvalid, "read %s: it names no address", path).
			WithHint("restart the server, which writes it anew")
	}
	return &file, nil
}

// Find returns a client of the server that the flags and the environment name.
// CodeNotFound, with a hint, when they name none.
func Find(f Flags) (*Client, error) {
	env := f.Env
	if env == nil {
		env = os.Getenv
	}
	token := f.Token
	if token == "" {
		token = env("FAIRWAY_TOKEN")
	}
	switch {
	case f.Server != "":
		return New(f.Server, token), nil
	case f.Data != "":
		return fromData(f.Data, token)
	case env("FAIRWAY_SERVER") != "":
		return New(env("FAIRWAY_SERVER"), token), nil
	}
	for _, dir := range []string{ServerData, DemoData} {
		c, err := fromData(dir, token)
		if !errors.Is(err, fs.ErrNotExist) {
			return c, err
		}
	}
	return nil, fairway.Errorf(fairway.CodeNotFound, "find a server: none of --server, --data and FAIRWAY_SERVER is given, and there is no %s or %s here", ServerData, DemoData).
		WithHint("name a server with --server http://HOST:PORT or its data folder with --data DIR; `fairway demo --keep` starts one")
}

// fromData reads DATA/server.json and the token it names.
func fromData(dir, token string) (*Client, error) {
	file, err := ReadServerFile(dir)
	if fairway.ErrorCode(err) == fairway.CodeInvalid {
		return nil, err
	}
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeNotFound, "find the server of data folder %s: %w", dir, err).
			WithHint("a running `fairway server --data %s` writes that file; name another folder with --data", dir)
	}
	if token == "" && file.TokenFile != "" {
		if !filepath.IsAbs(file.TokenFile) {
			file.TokenFile = filepath.Join(dir, file.TokenFile)
		}
		secret, err := os.ReadFile(file.TokenFile)
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeUnavailable, "read the token of the server: %w", err).
				WithHint("run as the user who runs the server, or give --token")
		}
		token = strings.TrimSpace(string(secret))
	}
	return New(file.Address, token), nil
}

package httpapi

import (
	"net/http"
	"strings"

	"github.com/fairwayhq/fairway"
)

// quoted returns an entity tag as HTTP writes it.
func quoted(etag string) string {
	if etag == "" {
		return ""
	}
	return `"` + etag + `"`
}

// tagged sets the entity tag of an answer and reports whether the caller has
// that version already (If-None-Match of a GET): it is then answered.
func tagged(w http.ResponseWriter, r *http.Request, etag string) bool {
	w.Header().Set("ETag", quoted(etag))
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if wanted := r.Header.Get("If-None-Match"); wanted != "" && namesTag(wanted, etag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	return false
}

// matches refuses a write whose caller has seen another version (If-Match). A
// write without the header wins over all before it.
func matches(r *http.Request, what, id, etag string) error {
	return matchesTag(r.Header.Get("If-Match"), what, id, etag)
}

func matchesTag(wanted, what, id, etag string) error {
	if wanted == "" || namesTag(wanted, etag) {
		return nil
	}
	return fairway.Errorf(fairway.CodePrecondition, "%s %s has changed since it was read: its tag is %s now", what, id, quoted(etag)).
		WithHint("read it again, apply the change to what it is now, and send it with the new ETag in If-Match")
}

// namesTag reports whether a list of entity tags has one, or is "*". Weak tags
// never match (RFC 9110, 13.1.1); what is not quoted is taken as it stands.
func namesTag(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.Trim(one, `"`) == etag && !strings.HasPrefix(one, "W/") {
			return true
		}
	}
	return false
}

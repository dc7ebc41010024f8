package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// describeWatch writes the watch into the OpenAPI document. Its handler is a
// plain one: the library would hold back what it writes.
func describeWatch(h huma.API) {
	problem := func(description string) *huma.Response {
		return &huma.Response{Description: description, Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schemaOf[ErrorModel](h.OpenAPI().Components.Schemas, "ErrorModel")}}}
	}
	text := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Description: description}
	}
	const from = "id of the last event that the caller has seen; without it the stream begins now"
	h.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "watch", Method: http.MethodGet, Path: "/api/v1/watch", Summary: "All changes of the registry, as they happen",
		Description: "A stream of server-sent events, in order, none lost and none twice: id is a sequence number, event is created, updated or deleted, " +
			"data is a JSON object with kind, id, etag and object. The first line tells the position without being an event.",
		Parameters: []*huma.Param{
			{Name: "kinds", In: "query", Schema: text("cluster and account, separated by commas; all without it")},
			{Name: "last_event_id", In: "query", Schema: text(from)},
			{Name: "Last-Event-ID", In: "header", Schema: text(from)},
		},
		Responses: map[string]*huma.Response{
			"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text("")}}},
			"400": problem("Bad Request"), "401": problem("Unauthorized"), "429": problem("Too Many Requests"), "503": problem("Service Unavailable"),
			"410": problem("Gone: the changes after this id are not kept. List the objects anew, then watch without it."),
		},
	})
}

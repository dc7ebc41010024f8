package httpapi

import (
	"bufio"
	"encoding/json"
	"net/http"
	"time"
)

// streamWrite is how long a caller may take to read a whole list.
const streamWrite = 5 * time.Minute

// stream writes a list while it is read, so that a large one is never held as a
// whole. Its status goes out with the first item: an error before that is
// answered as one, an error after it cuts the connection, which no caller can
// take for the end of the list.
type stream struct {
	w     http.ResponseWriter
	to    *bufio.Writer
	items *json.Encoder
	begun bool
	next  string // where the list goes on; "" at its end
}

func newStream(w http.ResponseWriter) *stream {
	s := &stream{w: w, to: bufio.NewWriterSize(w, 64<<10)}
	s.items = json.NewEncoder(s.to)
	s.items.SetEscapeHTML(false)
	return s
}

func (s *stream) begin() {
	// A caller that does not read must not hold the database for ever.
	http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(streamWrite))
	s.w.Header().Set("Content-Type", "application/json")
	s.w.WriteHeader(http.StatusOK)
	s.to.WriteString(`{"items":[`)
	s.begun = true
}

// add writes one item. Its error says that the caller is gone.
func (s *stream) add(item any) error {
	if s.begun {
		s.to.WriteByte(',')
	} else {
		s.begin()
	}
	return s.items.Encode(item)
}

// addText writes one item that is JSON already.
func (s *stream) addText(item []byte) error {
	if s.begun {
		s.to.WriteByte(',')
	} else {
		s.begin()
	}
	_, err := s.to.Write(item)
	return err
}

// end ends the list, or passes on the error that ended it early.
func (s *stream) end(err error) error {
	if err != nil && !s.begun {
		return err
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if !s.begun {
		s.begin()
	}
	s.to.WriteByte(']')
	if s.next != "" {
		s.to.WriteString(`,"next":"` + s.next + `"`) // a cursor needs no escapes
	}
	s.to.WriteString("}\n")
	s.to.Flush()
	return nil
}

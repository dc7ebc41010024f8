package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/fairwayhq/fairway"
)

// Options say which account is spoken to, beside the standard chain of
// credentials (environment, profiles, web identity, metadata service).
type Options struct {
	// Region is required.
	Region string
	// HTTP sends the requests; nil means a client that waits a minute.
	HTTP *http.Client
	Now  fairway.Clock // nil means time.Now
}

// Account is an AWS account in one region. Safe for concurrent use.
type Account struct {
	o      Options
	config aws.Config
	signer *v4.Signer
}

// Open finds the credentials. CodeUnauthorized when there are none.
func Open(ctx context.Context, o Options) (*Account, error) {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: time.Minute}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	found, err := config.LoadDefaultConfig(ctx, config.WithRegion(o.Region))
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "read the configuration of AWS: %w", err).WithHint("check AWS_PROFILE and ~/.aws/config")
	}
	if _, err := found.Credentials.Retrieve(ctx); err != nil {
		return nil, fairway.Errorf(fairway.CodeUnauthorized, "find credentials of AWS: %w", err).
			WithHint("log in, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	return &Account{o: o, config: found, signer: v4.NewSigner()}, nil
}

// endpoint is where a service is: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL,
// or AWS itself.
func (a *Account) endpoint(service string) string {
	own := os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(service))
	if own = cmp.Or(own, aws.ToString(a.config.BaseEndpoint), os.Getenv("AWS_ENDPOINT_URL")); own != "" {
		return strings.TrimRight(own, "/") + "/"
	}
	domain := "amazonaws.com"
	if strings.HasPrefix(a.o.Region, "cn-") {
		domain += ".cn"
	}
	return "https://" + service + "." + a.o.Region + "." + domain + "/"
}

// The shape of a request to a service.
const (
	formType = "application/x-www-form-urlencoded; charset=utf-8"
	jsonType = "application/x-amz-json-1.1"
)

// query calls an action of a service that takes forms and answers XML.
func (a *Account) query(ctx context.Context, service, version, action string, parameters url.Values, into any) error {
	form := url.Values{"Action": {action}, "Version": {version}}
	for key, values := range parameters {
		form[key] = values
	}
	answer, err := a.send(ctx, service, action, formType, "", []byte(form.Encode()))
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(answer, into); err != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "%s:%s: read the answer: %w", service, action, err)
	}
	return nil
}

// call calls an action of a service that takes and answers JSON.
func (a *Account) call(ctx context.Context, service, target, action string, in, into any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := a.send(ctx, service, action, jsonType, target+"."+action, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "%s:%s: read the answer: %w", service, action, err)
	}
	return nil
}

const (
	// attempts is how often a request is sent that is throttled or fails at the
	// service; the pause between two doubles from firstPause on.
	attempts   = 5
	firstPause = 500 * time.Millisecond
	// maxAnswer bounds an answer; a page of instance types has less than 1 MiB.
	maxAnswer = 32 << 20
)

// send sends one request, again where that helps.
func (a *Account) send(ctx context.Context, service, action, contentType, target string, body []byte) ([]byte, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		answer, err := a.sendOnce(ctx, service, action, contentType, target, body)
		if err == nil || attempt == attempts || !fairway.Retryable(err) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
		pause *= 2
	}
}

func (a *Account) sendOnce(ctx context.Context, service, action, contentType, target string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint(service), bytes.NewReader(body))
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s:%s: %w", service, action, err).WithHint("check AWS_ENDPOINT_URL")
	}
	request.Header.Set("Content-Type", contentType)
	if target != "" {
		request.Header.Set("X-Amz-Target", target)
	}
	credentials, err := a.config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeUnauthorized, "%s:%s: credentials: %w", service, action, err).WithHint("log in again")
	}
	sum := sha256.Sum256(body)
	if err := a.signer.SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), service, a.o.Region, a.o.Now()); err != nil {
		return nil, fmt.Errorf("%s:%s: sign: %w", service, action, err)
	}
	response, err := a.o.HTTP.Do(request)
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "%s:%s: %w", service, action, err).WithHint("is %s reachable from here?", a.endpoint(service))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "%s:%s: %w", service, action, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, refusal(service, action, response.StatusCode, answer)
	}
	return answer, nil
}

// refusal gives an answer of AWS its meaning.
func refusal(service, action string, status int, body []byte) error {
	var said struct {
		// Of XML, where the element's depth differs between services.
		Errors []wrong `xml:"Errors>Error"`
		Error  wrong   `xml:"Error"`
		// Of JSON.
		Type    string `json:"__type" xml:"-"`
		Message string `json:"message" xml:"-"`
	}
	if xml.Unmarshal(body, &said) != nil {
		_ = json.Unmarshal(body, &said) // else only the status is known
	}
	code, message := said.Error.Code, said.Error.Message
	if len(said.Errors) > 0 {
		code, message = said.Errors[0].Code, said.Errors[0].Message
	}
	if said.Type != "" {
		code, message = said.Type[strings.LastIndexByte(said.Type, '#')+1:], said.Message
	}
	cause := errors.New(strings.TrimSpace(cmp.Or(code, http.StatusText(status)) + ": " + message))
	about := func(c fairway.Code) *fairway.Error { return fairway.Errorf(c, "%s:%s: %w", service, action, cause) }
	switch {
	case strings.Contains(code, "Throttl") || code == "RequestLimitExceeded" || status == http.StatusTooManyRequests || status >= 500:
		return about(fairway.CodeUnavailable).WithHint("AWS asks to slow down, or is out of order; try again later")
	case strings.Contains(code, "ExpiredToken") || code == "AuthFailure" || code == "RequestExpired" || strings.Contains(code, "InvalidClientTokenId") ||
		strings.Contains(code, "UnrecognizedClient") || strings.Contains(code, "SignatureDoesNotMatch"):
		return about(fairway.CodeUnauthorized).WithHint("the credentials are expired or wrong: log in again")
	case strings.Contains(code, "AccessDenied") || code == "UnauthorizedOperation":
		return about(fairway.CodeForbidden).WithHint("allow %s:%s to the role; docs/rights.md lists what is read", service, action)
	case strings.Contains(code, "NotFound"):
		return about(fairway.CodeNotFound)
	}
	return about(fairway.CodeInvalid)
}

type wrong struct{ Code, Message string }

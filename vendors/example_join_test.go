package vendors_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/vendortest"
)

// A vendor that takes an upload and then the order: what is known before the upload has
// an id is encoded, and only the last request can put paper into the mail.
func ExampleJoinBodies() {
	ref := postproof.Ref("0123456789ABCDEF")
	to, _ := xml.Marshal(struct {
		XMLName xml.Name `xml:"to"`
		Name    string   `xml:"name"`
	}{Name: "Alex Doe"})
	body := vendors.JoinBodies("acme/1", // in Encode
		vendors.DocumentBody("upload/1", "application/xml", to),
		vendors.DocumentBody("order/1", "application/x-www-form-urlencoded", []byte(url.Values{"reference": {string(ref)}, "paper": {"white"}}.Encode())),
	)
	for _, answers := range [][]string{{`{"upload": "7"}`, `{"id": "1042"}`}, {`{"upload`}} {
		do := vendortest.Answers(answers...)
		id, err := order(context.Background(), do, body) // in Submit
		if err != nil {
			fmt.Println(postproof.DeliveryOf(err), "after", do.Asked())
			continue
		}
		fmt.Println(id, "after", do.Asked())
	}
	// Output:
	// 1042 after [POST https://api.acme.example/uploads POST https://api.acme.example/orders]
	// not_sent after [POST https://api.acme.example/uploads]
}

func order(ctx context.Context, do vendors.Doer, body *vendors.Body) (string, error) {
	parts := body.Parts()
	upload := &vendors.Request{Op: postproof.OpPrepare, Class: postproof.RepeatSafe, Method: http.MethodPost, URL: "https://api.acme.example/uploads", Route: "/uploads"}
	upload.SetBody(parts[0])
	got, err := text(ctx, do, upload, "upload")
	if err != nil {
		return "", vendors.NotOrdered(err) // of an upload no paper comes
	}
	rc, err := parts[1].Open(ctx)
	if err != nil {
		return "", vendors.NotOrdered(err)
	}
	defer rc.Close()
	fields, err := io.ReadAll(rc)
	if err != nil {
		return "", vendors.NotOrdered(err)
	}
	submit := &vendors.Request{Op: postproof.OpSubmit, Class: postproof.RepeatNever, Method: http.MethodPost, URL: "https://api.acme.example/orders", Route: "/orders"}
	submit.SetBody(vendors.DocumentBody(parts[1].Encoder, parts[1].ContentType, append(fields, "&upload="+url.QueryEscape(got)...)))
	return text(ctx, do, submit, "id")
}

// text sends a request that is answered with an object, and returns one of its texts.
func text(ctx context.Context, do vendors.Doer, req *vendors.Request, name string) (got string, err error) {
	req.Judge = func(r *vendors.Response) error {
		if err := vendors.JudgeStatus(r); err != nil {
			return err
		}
		o, err := vendors.ParseObject(r.Body)
		if got = o.Text(name); err != nil || got == "" {
			return postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errors.New("a 2xx without "+name))
		}
		return nil
	}
	_, err = do.Do(ctx, req)
	return got, err
}

package vendorsim

import "encoding/json"

// The shapes of Lob's answers, as structs: an answer that is put together as a map
// takes three times as long to write. The fields are in the order of their names.
// A pointer is to a field that not all pieces have.

// lobPiece is a postcard, a letter or a self-mailer.
type lobPiece struct {
	AddressPlacement *string            `json:"address_placement,omitempty"`
	BackTemplate     *lobNullable       `json:"back_template_id,omitempty"`
	BackVersion      *lobNullable       `json:"back_template_version_id,omitempty"`
	Cards            *[0]struct{}       `json:"cards,omitempty"`
	Carrier          string             `json:"carrier"`
	Color            *bool              `json:"color,omitempty"`
	Created          string             `json:"date_created"`
	Modified         string             `json:"date_modified"`
	Deleted          bool               `json:"deleted,omitempty"`
	Description      *string            `json:"description"`
	DoubleSided      *bool              `json:"double_sided,omitempty"`
	ExpectedDelivery string             `json:"expected_delivery_date"`
	ExtraService     string             `json:"extra_service,omitempty"`
	Failure          *lobFailure        `json:"failure_reason,omitempty"`
	From             *lobContact        `json:"from,omitempty"`
	FrontTemplate    *lobNullable       `json:"front_template_id,omitempty"`
	FrontVersion     *lobNullable       `json:"front_template_version_id,omitempty"`
	FSC              bool               `json:"fsc"`
	ID               string             `json:"id"`
	InsideTemplate   *lobNullable       `json:"inside_template_id,omitempty"`
	InsideVersion    *lobNullable       `json:"inside_template_version_id,omitempty"`
	MailType         string             `json:"mail_type"`
	MergeVariables   json.RawMessage    `json:"merge_variables,omitempty"`
	Metadata         map[string]string  `json:"metadata"`
	Object           string             `json:"object"`
	OutsideTemplate  *lobNullable       `json:"outside_template_id,omitempty"`
	OutsideVersion   *lobNullable       `json:"outside_template_version_id,omitempty"`
	PerforatedPage   *lobNullable       `json:"perforated_page,omitempty"`
	ReturnEnvelope   *bool              `json:"return_envelope,omitempty"`
	SendDate         string             `json:"send_date"`
	Size             string             `json:"size,omitempty"` // letters do not show it
	Status           string             `json:"status"`
	Template         *lobNullable       `json:"template_id,omitempty"`
	Version          *lobNullable       `json:"template_version_id,omitempty"`
	Thumbnails       [0]struct{}        `json:"thumbnails"`
	To               lobContact         `json:"to"`
	TrackingEvents   []lobTrackingEvent `json:"tracking_events"`
	TrackingNumber   *lobNullable       `json:"tracking_number,omitempty"`
	URL              string             `json:"url"`
	UseType          string             `json:"use_type"`
}

// lobNullable is a field that is null, a text or a number.
type lobNullable struct {
	text   string
	number int
}

// MarshalJSON implements [json.Marshaler].
func (n *lobNullable) MarshalJSON() ([]byte, error) {
	switch {
	case n.text != "":
		return json.Marshal(n.text)
	case n.number != 0:
		return json.Marshal(n.number)
	default:
		return []byte("null"), nil
	}
}

type lobFailure struct {
	Errors      [0]struct{} `json:"errors"`
	Reason      string      `json:"failure_reason"`
	Remediation string      `json:"remediation"`
}

// lobContact is an address as the API shows it.
type lobContact struct {
	City        string   `json:"address_city"`
	Country     string   `json:"address_country"`
	Line1       string   `json:"address_line1"`
	Line2       *string  `json:"address_line2"`
	State       string   `json:"address_state"`
	Zip         string   `json:"address_zip"`
	Company     *string  `json:"company"`
	Created     string   `json:"date_created"`
	Modified    string   `json:"date_modified"`
	Description *string  `json:"description"`
	Email       *string  `json:"email"`
	ID          string   `json:"id"`
	Metadata    struct{} `json:"metadata"`
	Name        *string  `json:"name"`
	Object      string   `json:"object"`
	Phone       *string  `json:"phone"`
}

type lobTrackingEvent struct {
	Created  string          `json:"date_created"`
	Modified string          `json:"date_modified"`
	Details  json.RawMessage `json:"details,omitempty"`
	ID       string          `json:"id"`
	Location *string         `json:"location"`
	Name     string          `json:"name"`
	Object   string          `json:"object"`
	Time     string          `json:"time"`
	Type     string          `json:"type"`
}

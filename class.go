package postproof

// MailClass is the postal class. There is no default: vendors default to
// different classes, at different prices.
type MailClass string

// The classes. A vendor supports some of them, see [Capabilities].
const (
	// FirstClass is forwarded or returned, and arrives within days.
	FirstClass MailClass = "first_class"
	// Marketing is the bulk class (USPS Marketing Mail), cheaper and slower.
	Marketing MailClass = "marketing"
	// Certified is first class with proof of mailing.
	Certified MailClass = "certified"
	// CertifiedReturnReceipt is certified with a signature that comes back.
	CertifiedReturnReceipt MailClass = "certified_return_receipt"
	// Registered is first class under lock, with proof of delivery.
	Registered MailClass = "registered"
)

// safe returns the class, or a stand-in for what is none: a value in the wrong
// field may be a person's.
func (c MailClass) safe() MailClass {
	if !c.known() {
		return "unknown_class"
	}
	return c
}

func (c MailClass) known() bool {
	switch c {
	case FirstClass, Marketing, Certified, CertifiedReturnReceipt, Registered:
		return true
	default:
		return false
	}
}

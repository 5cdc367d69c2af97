package postproof

import (
	"fmt"
	"math"
)

// Length is a length of paper in micrometers. An inch is 25,400.
type Length int32

// Inches returns a length given in inches.
func Inches(in float64) Length { return Length(math.Round(in * 25400)) }

// Millimeters returns a length given in millimeters.
func Millimeters(mm float64) Length { return Length(math.Round(mm * 1000)) }

// Inches returns the length in inches.
func (l Length) Inches() float64 { return float64(l) / 25400 }

// Size is a trimmed sheet: its short and long edge, and the name that people
// use for it. Two sizes are the same when their edges are; names differ from
// vendor to vendor (PostGrid's 6x4 is Lob's 4x6).
type Size struct {
	Name  string `json:"name"`
	Short Length `json:"short"`
	Long  Length `json:"long"`
}

// Same reports whether both sizes have the same edges.
func (s Size) Same(other Size) bool { return s.Short == other.Short && s.Long == other.Long }

// String returns the name and the edges in inches, as in `4x6 (4 × 6 in)`.
func (s Size) String() string {
	return s.Name + " (" + s.edges() + ")"
}

func (s Size) edges() string {
	return fmt.Sprintf("%.4g × %.4g in", s.Short.Inches(), s.Long.Inches())
}

// Size4x6 is the postcard that every vendor prints.
func Size4x6() Size { return Size{Name: "4x6", Short: Inches(4), Long: Inches(6)} }

// Size6x9 is the large postcard.
func Size6x9() Size { return Size{Name: "6x9", Short: Inches(6), Long: Inches(9)} }

// Size6x11 is the jumbo postcard.
func Size6x11() Size { return Size{Name: "6x11", Short: Inches(6), Long: Inches(11)} }

// SizeUSLetter is a letter sheet, 8.5 by 11 inches.
func SizeUSLetter() Size { return Size{Name: "us_letter", Short: Inches(8.5), Long: Inches(11)} }

// SizeUSLegal is a legal sheet, 8.5 by 14 inches.
func SizeUSLegal() Size { return Size{Name: "us_legal", Short: Inches(8.5), Long: Inches(14)} }

// Size6x18Bifold is a self-mailer of 6 by 18 inches, folded once.
func Size6x18Bifold() Size { return Size{Name: "6x18_bifold", Short: Inches(6), Long: Inches(18)} }

// Size11x9Bifold is a self-mailer of 11 by 9 inches, folded once.
func Size11x9Bifold() Size { return Size{Name: "11x9_bifold", Short: Inches(9), Long: Inches(11)} }

// Size12x9Bifold is a self-mailer of 12 by 9 inches, folded once.
func Size12x9Bifold() Size { return Size{Name: "12x9_bifold", Short: Inches(9), Long: Inches(12)} }

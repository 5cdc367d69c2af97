package snapshot

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/postproof/postproof"
)

// AddressKey stands for a place to which mail is delivered, whoever lives
// there: it is the same for spellings that differ in case, accents, punctuation,
// spaces, the abbreviations of USPS Publication 28, the last four digits of a ZIP
// code, and in Unicode's forms of one character. It does not change from one process to another.
//
// It is a digest, but addresses can be guessed: treat it as personal data.
type AddressKey [16]byte

// KeyOf returns the key of an address, which may be as a list has it.
func KeyOf(a postproof.Address) AddressKey {
	for _, s := range [...]*string{&a.Line1, &a.Line2, &a.City, &a.Region, &a.PostalCode, &a.Country} {
		*s = trim(*s)
	}
	a.Country = countryCode(a.Country)
	if a.Country != "US" && !isCountry(a.Country) {
		a.Country = cmp.Or(countryByName(a.Country), a.Country)
	}
	sum := sha256.Sum256(abbreviationTable().appendKey(nil, &a))
	return AddressKey(sum[:16])
}

// String returns the key in hexadecimal digits.
func (k AddressKey) String() string { return hex.EncodeToString(k[:]) }

// appendKey appends the text that is the same for all spellings of an address.
// In the United States, and where else its mail goes, the five digits of the ZIP code stand for city and
// state, whose spellings differ more. The country is stated.
func (t *abbreviations) appendKey(b []byte, a *postproof.Address) []byte {
	b = t.appendLine(b, a.Line1)
	if a.Line2 != "" {
		b = append(b, ' ')
		b = t.appendLine(b, a.Line2)
	}
	b = append(b, '|')
	if zip := a.PostalCode; len(zip) >= 5 && hasZIP(a.Country) {
		return append(b, zip[:5]...)
	}
	code := len(b)
	b = t.appendLine(b, a.PostalCode)
	b = b[:code+len(slices.DeleteFunc(b[code:], func(c byte) bool { return c == ' ' }))] // "SW1A1AA" is "SW1A 1AA"
	b = append(b, '|')
	b = append(t.appendLine(b, a.City), '|')
	b = append(t.appendLine(b, a.Region), '|')
	return append(b, a.Country...)
}

// hasZIP reports whether mail to a country goes by ZIP code: to the territories of the
// United States and the states associated with them it does, and lists name them as
// countries, or as states.
func hasZIP(country string) bool {
	switch country {
	case "US", "PR", "GU", "VI", "AS", "MP", "UM", "FM", "MH", "PW":
		return true
	default:
		return false
	}
}

// appendLine appends a line's words in capitals and in their short forms, with
// a space between any two. "#" stands for a unit whose kind is not said, which
// the short forms of "apartment", "suite" and "unit" are made to match.
func (t *abbreviations) appendLine(b []byte, s string) []byte {
	start := len(b)
	word := start // where the word begins in b
	plain := false
	for i := 0; i < len(s); i++ {
		c := t.bytes[s[i]]
		if c > keyHigh { // most are
			b = append(b, c)
			continue
		}
		switch c {
		case keyDrop:
		case keyEnd:
			b = t.endWord(b, word)
			word = len(b)
		case keyUnit:
			b = append(t.endWord(b, word), '#', ' ')
			word = len(b)
		case keyHigh:
			if !plain { // an accent on the letter before it is dropped, too
				s, i, plain = placeText(s[i:]), -1, true
				continue
			}
			r, n := utf8.DecodeRuneInString(s[i:])
			i += n - 1
			switch {
			case unicode.IsSpace(r) || unicode.IsPunct(r):
				b = t.endWord(b, word)
				word = len(b)
			case r == 'ß' || r == 'ẞ':
				b = append(b, "SS"...)
			default:
				b = utf8.AppendRune(b, unicode.ToUpper(r))
			}
		}
	}
	b = t.endWord(b, word)
	if len(b) > start {
		b = b[:len(b)-1]
	}
	return b
}

// endWord puts the word's short form in its place, if it has one, and a space
// behind it. Without a word nothing is to be done.
func (t *abbreviations) endWord(b []byte, word int) []byte {
	if len(b) == word {
		return b
	}
	if short, ok := t.find(b[word:]); ok {
		b = append(b[:word], short...)
	}
	return append(b, ' ')
}

// What becomes of a byte of a line: its capital, or one of these.
const (
	keyEnd  = iota // ends a word
	keyDrop        // "N.W." is "NW", and "O'Hara" is "OHARA"
	keyUnit        // "#", a word of its own
	keyHigh        // begins a character that is not ASCII
)

func keyBytes() (t [256]byte) {
	for i := range t {
		switch c := byte(i); {
		case c >= utf8.RuneSelf:
			t[i] = keyHigh
		case c >= 'a' && c <= 'z':
			t[i] = c - ('a' - 'A')
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			t[i] = c
		case c == '.', c == '\'', c == '`':
			t[i] = keyDrop
		case c == '#':
			t[i] = keyUnit
		}
	}
	return t
}

// abbreviations finds the short form of a word in a hash table of its own: this
// is asked for every word of every address, and most have none.
type abbreviations struct {
	table [2048]uint16 // places in words, or 0; linear probing, less than a quarter full
	words []abbreviation
	bytes [256]byte
}

type abbreviation struct{ long, short string }

// abbreviationTable returns the table that all share: it is made when the first
// address is read, and only read from then on. To make one takes a hundred times
// as long as a key.
var abbreviationTable = sync.OnceValue(newAbbreviations) //nolint:gochecknoglobals // a constant in all but name

func newAbbreviations() *abbreviations {
	t := &abbreviations{bytes: keyBytes(), words: make([]abbreviation, 1, 512)}
	for group := range strings.FieldsSeq(abbreviationData) {
		short, long, _ := strings.Cut(group, "=")
		for w := range strings.SplitSeq(long, ",") {
			at := wordHash([]byte(w))
			for t.table[at] != 0 {
				at = (at + 1) % uint32(len(t.table))
			}
			t.table[at] = uint16(len(t.words))
			t.words = append(t.words, abbreviation{w, short})
		}
	}
	return t
}

// wordHash tells words by their length and by letters from all over.
func wordHash(w []byte) uint32 {
	n := len(w)
	h := uint32(w[0]) | uint32(w[n/2])<<8 | uint32(w[n-1])<<16 | uint32(n+int(w[n/3]))<<24
	h *= 0x9e3779b1
	return h >> (32 - 11)
}

func (t *abbreviations) find(word []byte) (string, bool) {
	if word[0] < 'A' || word[0] > 'Z' {
		return "", false
	}
	for at := wordHash(word); ; at = (at + 1) % uint32(len(t.table)) {
		i := t.table[at%uint32(len(t.table))]
		if i == 0 {
			return "", false
		}
		if a := &t.words[i]; a.long == string(word) {
			return a.short, true
		}
	}
}

// abbreviationData has the street suffixes (appendix C1), the unit designators
// (C2) and the directions of USPS Publication 28, each with the other ways of
// writing it. Apartment, suite, unit and room are one, since lists mix them.
//
//nolint:misspell // some are how others spell
const abbreviationData = `
N=NORTH S=SOUTH E=EAST W=WEST NE=NORTHEAST NW=NORTHWEST SE=SOUTHEAST SW=SOUTHWEST
#=APT,APARTMENT,STE,SUITE,UNIT,RM,ROOM,NO,NUMBER,NUM
BSMT=BASEMENT BLDG=BUILDING DEPT=DEPARTMENT FL=FLOOR FRNT=FRONT HNGR=HANGAR LBBY=LOBBY LOWR=LOWER OFC=OFFICE
PH=PENTHOUSE SPC=SPACE TRLR=TRAILER UPPR=UPPER
ALY=ALLEE,ALLEY,ALLY ANX=ANEX,ANNEX,ANNX ARC=ARCADE AVE=AV,AVEN,AVENU,AVENUE,AVN,AVNUE BYU=BAYOO,BAYOU BCH=BEACH BND=BEND
BLF=BLUF,BLUFF BLFS=BLUFFS BTM=BOT,BOTTM,BOTTOM BLVD=BOUL,BOULEVARD,BOULV BR=BRNCH,BRANCH BRG=BRDGE,BRIDGE BRK=BROOK BRKS=BROOKS
BG=BURG BGS=BURGS BYP=BYPA,BYPAS,BYPASS,BYPS CP=CAMP,CMP CYN=CANYN,CANYON,CNYN CPE=CAPE CSWY=CAUSEWAY,CAUSWA
CTR=CEN,CENT,CENTER,CENTR,CENTRE,CNTER,CNTR CTRS=CENTERS CIR=CIRC,CIRCL,CIRCLE,CRCL,CRCLE CIRS=CIRCLES CLF=CLIFF CLFS=CLIFFS
CLB=CLUB CMN=COMMON CMNS=COMMONS COR=CORNER CORS=CORNERS CRSE=COURSE CT=COURT CTS=COURTS CV=COVE CVS=COVES CRK=CREEK
CRES=CRESCENT,CRSENT,CRSNT CRST=CREST XING=CROSSING,CRSSNG XRD=CROSSROAD XRDS=CROSSROADS CURV=CURVE DL=DALE DM=DAM DV=DIV,DIVIDE,DVD
DR=DRIV,DRIVE,DRV DRS=DRIVES EST=ESTATE ESTS=ESTATES EXPY=EXP,EXPR,EXPRESS,EXPRESSWAY,EXPW EXT=EXTENSION,EXTN,EXTNSN EXTS=EXTENSIONS
FLS=FALLS FRY=FERRY,FRRY FLD=FIELD FLDS=FIELDS FLT=FLAT FLTS=FLATS FRD=FORD FRDS=FORDS FRST=FOREST,FORESTS FRG=FORG,FORGE FRGS=FORGES
FRK=FORK FRKS=FORKS FT=FORT,FRT FWY=FREEWAY,FREEWY,FRWAY,FRWY GDN=GARDEN,GARDN,GRDEN,GRDN GDNS=GARDENS,GRDNS GTWY=GATEWAY,GATEWY,GATWAY,GTWAY
GLN=GLEN GLNS=GLENS GRN=GREEN GRNS=GREENS GRV=GROV,GROVE GRVS=GROVES HBR=HARB,HARBOR,HARBR,HRBOR HBRS=HARBORS HVN=HAVEN HTS=HT,HEIGHTS
HWY=HIGHWAY,HIGHWY,HIWAY,HIWY,HWAY HL=HILL HLS=HILLS HOLW=HLLW,HOLLOW,HOLLOWS,HOLWS INLT=INLET IS=ISLAND,ISLND ISS=ISLANDS,ISLNDS ISLE=ISLES
JCT=JCTION,JCTN,JUNCTION,JUNCTN,JUNCTON JCTS=JCTNS,JUNCTIONS KY=KEY KYS=KEYS KNL=KNOL,KNOLL KNLS=KNOLLS LK=LAKE LKS=LAKES LNDG=LANDING,LNDNG
LN=LANE LGT=LIGHT LGTS=LIGHTS LF=LOAF LCK=LOCK LCKS=LOCKS LDG=LDGE,LODG,LODGE LOOP=LOOPS MNR=MANOR MNRS=MANORS MDW=MEADOW
MDWS=MEADOWS,MEDOWS ML=MILL MLS=MILLS MSN=MISSION,MISSN,MSSN MTWY=MOTORWAY MT=MNT,MOUNT MTN=MNTAIN,MNTN,MOUNTAIN,MOUNTIN,MTIN
MTNS=MNTNS,MOUNTAINS NCK=NECK ORCH=ORCHARD,ORCHRD OVAL=OVL OPAS=OVERPASS PARK=PRK,PARKS PKWY=PARKWAY,PARKWY,PKWAY,PKY,PARKWAYS,PKWYS
PSGE=PASSAGE PATH=PATHS PIKE=PIKES PNE=PINE PNES=PINES PL=PLACE PLN=PLAIN PLNS=PLAINS PLZ=PLAZA,PLZA PT=POINT PTS=POINTS PRT=PORT
PRTS=PORTS PR=PRAIRIE,PRR RADL=RAD,RADIAL,RADIEL RNCH=RANCH,RANCHES,RNCHS RPD=RAPID RPDS=RAPIDS RST=REST RDG=RDGE,RIDGE RDGS=RIDGES
RIV=RIVER,RVR,RIVR RD=ROAD RDS=ROADS RTE=ROUTE SHL=SHOAL SHLS=SHOALS SHR=SHOAR,SHORE SHRS=SHOARS,SHORES SKWY=SKYWAY
SPG=SPNG,SPRING,SPRNG SPGS=SPNGS,SPRINGS,SPRNGS SPUR=SPURS SQ=SQR,SQRE,SQU,SQUARE SQS=SQRS,SQUARES STA=STATION,STATN,STN
STRA=STRAV,STRAVEN,STRAVENUE,STRAVN,STRVN,STRVNUE STRM=STREAM,STREME ST=STREET,STRT,STR STS=STREETS SMT=SUMIT,SUMITT,SUMMIT
TER=TERR,TERRACE TRWY=THROUGHWAY TRCE=TRACE,TRACES TRAK=TRACK,TRACKS,TRK,TRKS TRFY=TRAFFICWAY TRL=TRAIL,TRAILS,TRLS TUNL=TUNEL,TUNLS,TUNNEL,TUNNELS,TUNNL
TPKE=TRNPK,TURNPIKE,TURNPK UPAS=UNDERPASS UN=UNION UNS=UNIONS VLY=VALLEY,VALLY,VLLY VLYS=VALLEYS VIA=VDCT,VIADCT,VIADUCT VW=VIEW VWS=VIEWS
VLG=VILL,VILLAG,VILLAGE,VILLG,VILLIAGE VLGS=VILLAGES VL=VILLE VIS=VIST,VISTA,VST,VSTA WALK=WALKS WY=WAY WL=WELL WLS=WELLS
`

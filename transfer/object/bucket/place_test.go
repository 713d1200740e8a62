package bucket_test

import (
	"strings"
	"testing"

	"ferry/transfer/object/bucket"
)

func TestParse(t *testing.T) {
	for text, want := range map[string][2]string{
		"s3://abc":             {"abc", ""},
		"s3://abc/":            {"abc", ""},
		"S3://abc/x/y/":        {"abc", "x/y"},
		"s3://a-b.c_d/ü x/%2F": {"a-b.c_d", "ü x/%2F"},
	} {
		name, prefix, err := bucket.Parse(text)
		if err != nil || [2]string{name, prefix} != want {
			t.Errorf("%q is %q, %q, %v", text, name, prefix, err)
		}
	}
	for _, text := range []string{"", "abc", "s3:/abc", "s3://", "s3:///x", "s3://ab", "s3://Abc", "s3://a..b", "s3://-ab", "s3://ab-",
		"s3://abc/x//y", "s3://abc//x", "s3://abc//", "s3://abc/x//", "s3://abc/../y", "s3://abc/.", "s3://abc/a\x00b", "s3://abc/a\nb", "s3://abc/\xff",
		"s3://" + strings.Repeat("a", 64), "s3://abc/" + strings.Repeat("a", 513), "s3://user:secret@abc/x"} {
		if name, prefix, err := bucket.Parse(text); err == nil {
			t.Errorf("%q is taken for %q, %q", text, name, prefix)
		} else if len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%q gives the text %q", text, err)
		}
	}
}

// Whatever is parsed is parsed to the same again.
func FuzzParse(f *testing.F) {
	f.Add("s3://abc/x/y")
	f.Add("s3://a.b/ /")
	f.Fuzz(func(t *testing.T, text string) {
		name, prefix, err := bucket.Parse(text)
		if err != nil {
			return
		}
		again, same, err := bucket.Parse("s3://" + name + "/" + prefix)
		if err != nil || again != name || same != prefix {
			t.Errorf("%q is %q, %q; again %q, %q, %v", text, name, prefix, again, same, err)
		}
	})
}

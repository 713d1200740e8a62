package bucket

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// roleTime bounds the question to the machine's own service for an instance's role: where
// there is none, nothing answers.
const roleTime = 2 * time.Second

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 1 << 20

var errNoCredentials = errors.New("no credentials for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")

// found is what the environment and the files say of who asks and where.
type found struct {
	creds    *credentials.Credentials
	region   string // may be empty
	endpoint string // may be empty
	idle     func() // closes what the question for a role left open
}

// find looks for credentials as other tools for S3 do: the environment, the profile in the
// shared files, and last the role of the machine. Nothing of them is ever part of a text.
func find(ctx context.Context, getenv func(string) string) (found, error) {
	files := sharedFiles(getenv)
	profile := getenv("AWS_PROFILE")
	named := profile != ""
	if !named {
		profile = "default"
	}
	settings, err := files.settings(profile)
	if err != nil {
		return found{}, err
	}
	f := found{idle: func() {}, region: first(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"), settings["region"]), endpoint: settings["endpoint_url"]}
	if id, secret := getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		f.creds = credentials.NewStaticV4(id, secret, getenv("AWS_SESSION_TOKEN"))
		return f, nil
	} else if id != "" || secret != "" {
		return found{}, errors.New("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set: set both")
	}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, DisableKeepAlives: true}
	f.idle = transport.CloseIdleConnections
	client := &http.Client{Transport: transport, Timeout: roleTime}
	var tried []string
	for _, file := range []string{files.credentials, files.config} {
		if file == "" {
			continue
		}
		creds := credentials.New(&credentials.FileAWSCredentials{Filename: file, Profile: profile})
		v, err := creds.GetWithContext(&credentials.CredContext{Client: client, Context: ctx})
		if err == nil && v.AccessKeyID != "" && v.SecretAccessKey != "" {
			f.creds = creds
			return f, nil
		}
		if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
			tried = append(tried, plain(file))
		}
	}
	why := errNoCredentials
	if len(tried) > 0 {
		// Why is not told: the library's text has the line it stumbled over, secrets and all.
		why = say(why, "%v; none for the profile %q can be read in %s", why, profile, strings.Join(tried, " or "))
	}
	if named {
		return found{}, say(why, "the profile %q of AWS_PROFILE has no credentials in %s: log in, or check its name", plain(profile), files.words())
	}
	if strings.EqualFold(getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return found{}, why
	}
	role := &credentials.IAM{Client: client, Region: f.region}
	role.Container.AuthorizationToken = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	role.Container.CredentialsFullURI = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	role.Container.CredentialsRelativeURI = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
	role.EKSIdentity.TokenFile = getenv("AWS_WEB_IDENTITY_TOKEN_FILE")
	role.EKSIdentity.RoleARN = getenv("AWS_ROLE_ARN")
	creds := credentials.New(role)
	short, cancel := context.WithTimeout(ctx, roleTime)
	defer cancel()
	v, err := creds.GetWithContext(&credentials.CredContext{Client: client, Context: short})
	if err != nil || v.AccessKeyID == "" {
		if ctx.Err() != nil {
			return found{}, context.Cause(ctx)
		}
		return found{}, why
	}
	f.creds = creds
	return f, nil
}

// files are the shared files of tools for S3; empty where there is no home.
type files struct{ credentials, config string }

func sharedFiles(getenv func(string) string) files {
	f := files{credentials: getenv("AWS_SHARED_CREDENTIALS_FILE"), config: getenv("AWS_CONFIG_FILE")}
	if home := first(getenv("HOME"), getenv("USERPROFILE")); home != "" {
		f.credentials = first(f.credentials, filepath.Join(home, ".aws", "credentials"))
		f.config = first(f.config, filepath.Join(home, ".aws", "config"))
	}
	return f
}

func (f files) words() string { return plain(f.credentials) + " and " + plain(f.config) }

// settings reads what the configuration file says of a profile, and leaves out all that may be
// secret. No such file is no failure.
func (f files) settings(profile string) (map[string]string, error) {
	if f.config == "" {
		return nil, nil
	}
	file, err := os.Open(f.config)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxConfig {
		return nil, say(err, "%s is no configuration file of at most 1 MiB", plain(f.config))
	}
	settings := make(map[string]string)
	inside := false
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		trimmed := strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(trimmed, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			name = strings.TrimSpace(name)
			inside = name == profile || strings.TrimSpace(strings.TrimPrefix(name, "profile ")) == profile
			continue
		}
		key, value, ok := strings.Cut(trimmed, "=")
		// What is indented belongs to a setting above it.
		if key = strings.TrimSpace(key); inside && ok && line == strings.TrimLeft(line, " \t") && (key == "region" || key == "endpoint_url") {
			settings[key] = strings.TrimSpace(value)
		}
	}
	return settings, lines.Err()
}

func first(of ...string) string {
	for _, s := range of {
		if s != "" {
			return s
		}
	}
	return ""
}

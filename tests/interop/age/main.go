// Command agepeer encrypts and decrypts with filippo.io/age and archive/tar, for the interop tests of
// dms-events. Data goes from stdin to stdout; a failed run ends with its error on stderr.
//
//	agepeer keygen                     a new key: its identity and its recipient, each on a line
//	agepeer encrypt [-a] RECIPIENT...  stdin encrypted; -a: armored
//	agepeer decrypt IDENTITY           the original of stdin
//	agepeer pack RECIPIENT FOLDER      the folder as an encrypted tar archive
//	agepeer list IDENTITY              a JSON object for each entry of the encrypted archive in stdin
package main

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// entry is a member of an archive. Names are bytes, in base64, since they may be no UTF-8.
type entry struct {
	Name   []byte `json:"name"`
	Type   string `json:"type"`
	Mode   int64  `json:"mode"`
	Time   int64  `json:"time"`
	Link   []byte `json:"link"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("no command")
	}
	out := bufio.NewWriter(os.Stdout)
	var err error
	switch command, rest := args[0], args[1:]; command {
	case "keygen":
		err = keygen(out)
	case "encrypt":
		err = encrypt(out, rest)
	case "decrypt":
		err = decrypt(out, rest[0])
	case "pack":
		err = pack(out, rest[0], rest[1])
	case "list":
		err = list(out, rest[0])
	default:
		err = fmt.Errorf("unknown command %q", command)
	}
	return errors.Join(err, out.Flush())
}

func keygen(out io.Writer) error {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n%s\n", identity, identity.Recipient())
	return err
}

func encrypt(out io.Writer, texts []string) error {
	armored := texts[0] == "-a"
	if armored {
		texts = texts[1:]
		wrapped := armor.NewWriter(out)
		if err := seal(wrapped, texts, copyStdin); err != nil {
			return err
		}
		return wrapped.Close()
	}
	return seal(out, texts, copyStdin)
}

func copyStdin(to io.Writer) error {
	_, err := io.Copy(to, os.Stdin)
	return err
}

func seal(out io.Writer, texts []string, write func(io.Writer) error) error {
	var recipients []age.Recipient
	for _, text := range texts {
		recipient, err := age.ParseX25519Recipient(text)
		if err != nil {
			return err
		}
		recipients = append(recipients, recipient)
	}
	sealed, err := age.Encrypt(out, recipients...)
	if err != nil {
		return err
	}
	if err := write(sealed); err != nil {
		return err
	}
	return sealed.Close()
}

func open(text string) (io.Reader, error) {
	identity, err := age.ParseX25519Identity(text)
	if err != nil {
		return nil, err
	}
	return age.Decrypt(bufio.NewReader(os.Stdin), identity)
}

func decrypt(out io.Writer, identity string) error {
	plain, err := open(identity)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, plain)
	return err
}

func pack(out io.Writer, recipient, folder string) error {
	return seal(out, []string{recipient}, func(to io.Writer) error {
		archive := tar.NewWriter(to)
		if err := archive.AddFS(os.DirFS(folder)); err != nil {
			return err
		}
		return archive.Close()
	})
}

func list(out io.Writer, identity string) error {
	plain, err := open(identity)
	if err != nil {
		return err
	}
	archive, lines := tar.NewReader(plain), json.NewEncoder(out)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			// The archive has ended; only the end of the stream proves that nothing was cut off.
			_, err = io.Copy(io.Discard, plain)
			return err
		}
		if err != nil {
			return err
		}
		sum := sha256.New()
		size, err := io.Copy(sum, archive)
		if err != nil {
			return err
		}
		line := entry{
			Name:   []byte(header.Name),
			Type:   string(header.Typeflag),
			Mode:   header.Mode,
			Time:   header.ModTime.Unix(),
			Link:   []byte(header.Linkname),
			Size:   size,
			SHA256: fmt.Sprintf("%x", sum.Sum(nil)),
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
}

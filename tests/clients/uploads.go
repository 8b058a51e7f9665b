// Uploads without a credential, and prints the status of each call.
//
// usage: uploads TIMES CA.PEM NAME=URL...
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var sizes = []struct {
	name   string
	length int
}{{"60 kB", 60_000}, {"200 kB", 200_000}, {"1 MB", 1_000_000}, {"10 MB", 10_000_000}}

func main() {
	times, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	pem, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true,
	}
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	for _, arg := range os.Args[3:] {
		name, url, _ := strings.Cut(arg, "=")
		for _, size := range sizes {
			body := bytes.Repeat([]byte("x"), size.length)
			var statuses []string
			for i := 0; i < times; i++ {
				statuses = append(statuses, upload(client, url, body))
			}
			fmt.Printf("%s Go %s: [%s]\n", name, size.name, strings.Join(statuses, ", "))
		}
	}
}

func upload(client *http.Client, url string, body []byte) string {
	response, err := client.Post(url+"/generate", "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err.Error()
	}
	return strconv.Itoa(response.StatusCode)
}

// Command odd is a service that does everything a little differently: it answers those alone who show a certificate, its
// metrics lie behind a password and a redirect as well, it listens where it is told, it logs to standard output and error, and it works only where its folder, environment and upstream are.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

type service struct {
	mu       sync.Mutex
	seq      int
	failures int
	upstream string
	password string
}

func must(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("%s is not set", name)
	}
	return value
}

// ask passes a request on to the upstream service and says whether it did its part.
func (s *service) ask() bool {
	answer, err := http.Get(s.upstream)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode == http.StatusOK
}

func (s *service) work(w http.ResponseWriter, r *http.Request) {
	code := http.StatusOK
	if !s.ask() {
		code = http.StatusBadGateway
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := os.Stdout
	if code != http.StatusOK {
		s.failures++
		out = os.Stderr
	}
	s.seq++
	line, _ := json.Marshal(map[string]any{
		"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "msg": "request",
		"request_id": r.Header.Get("X-Request-Id"), "code": code, "pid": os.Getpid(), "seq": s.seq,
	})
	_, _ = out.Write(append(line, '\n'))
	w.WriteHeader(code)
}

func (s *service) metrics(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != "prometheus" || password != s.password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprintf(w, "# HELP odd_failures_total Requests that failed.\n# TYPE odd_failures_total counter\n")
	fmt.Fprintf(w, "odd_failures_total %d\n", s.failures)
}

func main() {
	s := &service{upstream: must("ODD_UPSTREAM"), password: must("ODD_PASSWORD")}
	if _, err := os.Stat("greeting.txt"); err != nil {
		log.Fatal(err)
	}
	closed := http.NewServeMux()
	closed.HandleFunc("/internal/metrics", s.metrics)
	closed.Handle("/metrics", http.RedirectHandler("/internal/metrics", http.StatusFound))
	secure := mutual(must("ODD_CERTIFICATES"))
	go serve("ODD_METRICS_PORT", secure, closed)
	http.HandleFunc("/work", s.work)
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	fmt.Fprintln(os.Stderr, "odd: a line for people")
	serve("ODD_PORT", secure, http.DefaultServeMux)
}

// mutual lets in who shows a certificate of our authority, and shows one itself.
func mutual(folder string) *tls.Config {
	own, err := tls.LoadX509KeyPair(folder+"/server.pem", folder+"/server.key")
	if err != nil {
		log.Fatal(err)
	}
	authority, err := os.ReadFile(folder + "/authority.pem")
	if err != nil {
		log.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(authority)
	return &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
}

func serve(port string, secure *tls.Config, handler http.Handler) {
	listener, err := net.Listen("tcp", net.JoinHostPort(must("ODD_HOST"), must(port)))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(tls.NewListener(listener, secure), handler))
}

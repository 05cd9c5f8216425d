package passbridge

import (
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc/resolver"
)

// scheme is the name of the targets that list their addresses: passbridge:///host:port,host:port.
const scheme = "passbridge"

// grpcTarget is the target in gRPC's words.
func grpcTarget(target string) (string, error) {
	if strings.Contains(target, "://") {
		return target, nil
	}
	if rest, isUnix := strings.CutPrefix(target, "unix:"); isUnix && rest != "" {
		return target, nil
	}
	if _, err := addresses(target); err != nil {
		return "", fmt.Errorf("passbridge: target %q: %w", target, err)
	}
	if strings.Contains(target, ",") {
		return scheme + ":///" + target, nil
	}
	return "dns:///" + target, nil
}

// addresses takes a list of host:port apart.
func addresses(list string) ([]string, error) {
	var found []string
	for address := range strings.SplitSeq(list, ",") {
		address = strings.TrimSpace(address)
		host, port, err := net.SplitHostPort(address)
		if err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("%q isn't host:port, such as passbridge.internal:50051", address)
		}
		found = append(found, address)
	}
	return found, nil
}

// addressList resolves a target that lists its addresses. Each is an endpoint of its own, and known to TLS by its own
// name.
type addressList struct{}

func (addressList) Scheme() string { return scheme }

// OverrideAuthority names the first server, because a list is no authority that HTTP/2 could carry.
func (addressList) OverrideAuthority(target resolver.Target) string {
	first, _, _ := strings.Cut(target.Endpoint(), ",")
	return first
}

func (addressList) Build(target resolver.Target, conn resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	found, err := addresses(target.Endpoint())
	if err != nil {
		return nil, err
	}
	state := resolver.State{}
	for _, address := range found {
		one := resolver.Address{Addr: address, ServerName: address}
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{one}})
	}
	if err := conn.UpdateState(state); err != nil {
		return nil, err
	}
	return resolved{}, nil
}

// resolved has nothing to look up again.
type resolved struct{}

func (resolved) ResolveNow(resolver.ResolveNowOptions) {}
func (resolved) Close()                                {}

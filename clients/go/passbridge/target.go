package passbridge

import (
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc/resolver"
)

// scheme is the gRPC scheme of targets that list their addresses: passbridge:///host:port,host:port.
const scheme = "passbridge"

// grpcTarget returns the target in the syntax of gRPC.
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

// addresses splits a list of host:port.
func addresses(list string) ([]string, error) {
	var found []string
	for address := range strings.SplitSeq(list, ",") {
		address = strings.TrimSpace(address)
		host, port, err := net.SplitHostPort(address)
		if err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("%q is not host:port, such as passbridge.internal:50051", address)
		}
		found = append(found, address)
	}
	return found, nil
}

// addressList resolves a target that lists its addresses. Each is an endpoint of its own, and TLS verifies its own name.
type addressList struct{}

func (addressList) Scheme() string { return scheme }

// OverrideAuthority returns the first server, because a list is not a valid HTTP/2 authority.
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

// resolved is a resolver with a fixed result.
type resolved struct{}

func (resolved) ResolveNow(resolver.ResolveNowOptions) {}
func (resolved) Close()                                {}

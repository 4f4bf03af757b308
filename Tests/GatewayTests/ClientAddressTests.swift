// Whom a proxy may speak for, and what a client cannot make of it.

import HTTP
import Settings
import Testing

@testable import Gateway

@Suite struct ClientAddressTests {
    private func client(
        _ field: (String, String)..., from peer: String = "10.0.0.1",
        trusting proxies: [String] = ["10.0.0.0/8", "fd00::/8"],
        in header: ForwardingHeader = .xForwardedFor
    ) -> String {
        var settings = Configuration().server
        settings.trustedProxies = proxies.compactMap { AddressRange($0) }
        settings.forwardingHeader = header
        var request = Request()
        request.fields = field.map { Request.Field(name: $0.0, value: $0.1) }
        return ProxyTrust(settings).client(of: request, peer: peer)
    }

    @Test func withoutAProxyThePeerIsTheClient() {
        #expect(client(("x-forwarded-for", "192.0.2.1"), trusting: []) == "10.0.0.1")
        #expect(client(("x-forwarded-for", "192.0.2.1"), from: "198.51.100.1") == "198.51.100.1")
        #expect(client() == "10.0.0.1")
    }

    @Test func theNearestUntrustedHopIsTheClient() {
        #expect(client(("x-forwarded-for", "192.0.2.1")) == "192.0.2.1")
        #expect(client(("x-forwarded-for", "203.0.113.9, 192.0.2.1, 10.1.1.1")) == "192.0.2.1")
        #expect(client(("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")) == "192.0.2.1")
        #expect(client(("x-forwarded-for", "10.2.2.2, 10.1.1.1")) == "10.2.2.2")
        #expect(client(("x-forwarded-for", "[2001:db8::1]:4711")) == "2001:db8::1")
        #expect(client(("x-forwarded-for", "192.0.2.1:4711")) == "192.0.2.1")
    }

    @Test func whatIsNoAddressEndsTheWay() {
        #expect(client(("x-forwarded-for", "192.0.2.1, unknown")) == "10.0.0.1")
        #expect(client(("x-forwarded-for", "192.0.2.1, , 10.1.1.1")) == "10.1.1.1")
    }

    @Test func onlyTheConfiguredHeaderIsBelieved() {
        #expect(client(("forwarded", "for=192.0.2.1")) == "10.0.0.1")
        #expect(client(("x-forwarded-for", "192.0.2.1"), in: .forwarded) == "10.0.0.1")
        #expect(
            client(
                ("forwarded", "for=203.0.113.9, for=\"[2001:db8::1]:99\";proto=https;by=10.1.1.1"),
                in: .forwarded)
                == "2001:db8::1")
        #expect(client(("forwarded", "proto=https; For=192.0.2.7"), in: .forwarded) == "192.0.2.7")
        #expect(client(("forwarded", "for=192.0.2.7, for=_hidden"), in: .forwarded) == "10.0.0.1")
    }

    @Test func anIPv6ClientIsItsBlock() {
        #expect(RatePayer.at("2001:db8:1:2:3::4") == RatePayer.at("2001:db8:1:2:ffff::"))
        #expect(RatePayer.at("2001:db8:1:2::1") != RatePayer.at("2001:db8:1:3::1"))
        #expect(RatePayer.at("192.0.2.1") != RatePayer.at("192.0.2.2"))
        #expect(RatePayer.at("::ffff:192.0.2.1") == RatePayer.at("192.0.2.1"))
    }
}

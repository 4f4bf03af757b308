// Where a client is when a proxy stands in between. Only a configured proxy is believed, and only in the one
// header it is configured to write: whoever could send the other would choose an address.

import HTTP
import Settings

/// Which peers may say for whom they speak. A value.
struct ProxyTrust: Sendable {
    private let proxies: [AddressRange]
    private let header: ForwardingHeader

    init(_ settings: Configuration.Server) {
        proxies = settings.trustedProxies
        header = settings.forwardingHeader
    }

    /// The address a request came from: the nearest one that is not a trusted proxy's.
    func client(of request: Request, peer: String) -> String {
        guard !proxies.isEmpty, isTrusted(peer) else { return peer }
        var nearest = peer
        for hop in hops(request).reversed() {
            // What a proxy cannot name (`unknown`, `_hidden`) ends the way: the hop before it stands.
            guard let hop else { return nearest }
            nearest = hop
            if !isTrusted(hop) { return hop }
        }
        return nearest
    }

    private func isTrusted(_ address: String) -> Bool { proxies.contains { $0.contains(address) } }

    /// As the proxies wrote them, the farthest first; nil where no address stands.
    private func hops(_ request: Request) -> [String?] {
        switch header {
        case .xForwardedFor: request.list("x-forwarded-for").map { Self.address(Substring($0)) }
        case .forwarded:
            request.list("forwarded").map { element in
                for pair in element.split(separator: ";") {
                    let parts = pair.split(separator: "=", maxSplits: 1)
                    guard parts.count == 2, parts[0].drop(while: { $0 == " " }).lowercased() == "for" else {
                        continue
                    }
                    return Self.address(parts[1].filter { $0 != "\"" }[...])
                }
                return nil
            }
        }
    }

    /// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
    private static func address(_ text: Substring) -> String? {
        var text = text
        if text.first == "[", let close = text.firstIndex(of: "]") {
            text = text[text.index(after: text.startIndex)..<close]
        } else if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") {
            text = text[..<colon]
        }
        return NumericAddress.block(String(text), ipv4Bits: 32, ipv6Bits: 128)
    }
}

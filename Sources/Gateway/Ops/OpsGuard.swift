// Who may use the operators' side. On loopback nobody is asked for a token, so a browser on the same machine
// must not be turned into a way in: a page from elsewhere can make it send requests to 127.0.0.1 (cross-site
// forgery), or give the listener a name of its own (DNS rebinding).

import HTTP

/// Decides by the request alone. A value.
struct OpsGuard: Sendable {
    /// Whether the listener is bound to loopback.
    let isLoopback: Bool

    /// Nil: go on. Otherwise why not, for the answer.
    func complaint(about request: Request) -> String? {
        if isLoopback, let host = request.header("host"), !Self.isLocal(host) {
            return "This listener answers on loopback names only; '\(host.prefix(100))' is not one."
        }
        if let site = request.header("sec-fetch-site"), site != "same-origin", site != "none" {
            return "Requests from other sites' pages are not answered here."
        }
        if request.method == "POST", let origin = request.header("origin"),
            origin.split(separator: "/").last.map(String.init) != request.header("host")
        {
            return "Requests from other sites' pages are not answered here."
        }
        return nil
    }

    /// Whether a Host header names this machine: 127.x.x.x, [::1] or localhost, with any port.
    static func isLocal(_ host: String) -> Bool {
        if host.hasPrefix("[::1]") { return true }
        let name = host.prefix { $0 != ":" }.lowercased()
        if name == "localhost" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

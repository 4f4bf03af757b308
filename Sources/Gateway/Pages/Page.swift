// The files carried inside the binary: the client module, the demo till, a page that shows the protocol with
// nothing but the browser, and the API as an OpenAPI document.

import Domain
import HTTP

/// A file that whoever asks is given.
enum Page: CaseIterable {
    case module, types, package, till, tillScript, shelf, grid, tillStyle, watch
    case openAPI

    init?(path: String) {
        guard let page = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = page
    }

    var path: String {
        switch self {
        case .module: "/client/tidings.js"
        case .types: "/client/tidings.d.ts"
        case .package: "/client/package.json"
        case .till: "/demo/"
        case .tillScript: "/demo/till.js"
        case .shelf: "/demo/shelf.js"
        case .grid: "/demo/grid.js"
        case .tillStyle: "/demo/till.css"
        case .watch: "/demo/watch"
        case .openAPI: "/openapi.json"
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .module: PackageResources.tidings_js
        case .types: PackageResources.tidings_d_ts
        case .package: PackageResources.package_json
        case .till: PackageResources.till_html
        case .tillScript: PackageResources.till_js
        case .shelf: PackageResources.shelf_js
        case .grid: PackageResources.grid_js
        case .tillStyle: PackageResources.till_css
        case .watch: PackageResources.watch_html
        case .openAPI: PackageResources.openapi_json
        }
    }

    private var type: String {
        switch self {
        case .module, .tillScript, .shelf, .grid: "text/javascript; charset=utf-8"
        case .types: "text/plain; charset=utf-8"
        case .package, .openAPI: "application/json"
        case .till, .watch: "text/html; charset=utf-8"
        case .tillStyle: "text/css; charset=utf-8"
        }
    }

    /// What the page may load and run: its own files, and only the one page that is a single file has them
    /// inline.
    private var contentSecurityPolicy: String {
        let rest = "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        return switch self {
        case .watch:
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \(rest)"
        default: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \(rest)"
        }
    }

    /// The answer: 304 to whoever has it.
    ///
    /// - Parameter ifNoneMatch: The text of that header.
    func response(ifNoneMatch: String?) -> Response {
        let tag = Self.tags[self] ?? ""
        let fields = [
            ("ETag", tag), ("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"), ("Content-Security-Policy", contentSecurityPolicy),
        ]
        let known = ifNoneMatch?.split(separator: ",").map { $0.drop { $0 == " " } } ?? []
        if known.contains(where: { $0 == "*" || $0 == tag || $0 == "W/\(tag)" }) {
            return Response(status: 304, fields: fields)
        }
        return Response(status: 200, fields: [("Content-Type", type)] + fields, body: .bytes(bytes))
    }

    /// Of each page's bytes, once.
    private static let tags = Dictionary(
        uniqueKeysWithValues: allCases.map { page in (page, "\"\(fingerprint(page.bytes))\"") })

    /// FNV-1a, 64 bits: told apart, not signed.
    private static func fingerprint(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return String(hash, radix: 16)
    }
}

extension Reception {
    func page(_ call: Call, _ page: Page) {
        call.answer(page.response(ifNoneMatch: call.request.header("if-none-match")))
    }
}

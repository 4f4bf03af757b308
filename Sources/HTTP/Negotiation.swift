// What of an answer a request gets: nothing but its tag when the client has it (304), a refusal when it wants
// another state (412), plain bytes, or gzip.

public import Domain

extension Response {
    /// Smaller answers cost more to compress than to send.
    private static let compressibleBytesMin = 1_024

    /// The answer as this request gets it. Compresses: off the loops for anything large.
    ///
    /// A compressed answer is another representation of the same state, so its tag is weak; and a 304 says
    /// the fields that its 200 would have said.
    public func negotiated(for request: Request, at now: Timestamp) -> Response {
        var response = self
        let isCompressed = isCompressible && request.acceptsGzip
        if isJSON { response.vary(on: "Accept-Encoding") }
        if var validators {
            guard validators.areWanted(by: request) else { return .preconditionFailed }
            if isCompressed { validators.tag = validators.tag.weakened }
            response.fields.append(("ETag", validators.tag.description))
            if let date = validators.lastModified(at: now) {
                response.fields.append(("Last-Modified", HTTPDate.text(date)))
            }
            if validators.areKnown(to: request, at: now) {
                response.status = 304
                response.body = .none
                response.fields.removeAll { $0.name == "Content-Type" }
                return response
            }
        }
        if isCompressed, case .bytes(let bytes) = body {
            response.body = .bytes(Gzip.compress(bytes))
            response.fields.append(("Content-Encoding", "gzip"))
        }
        return response
    }

    private static var preconditionFailed: Response {
        .error(412, "precondition_failed", "It has changed, or never was what If-Match names.")
    }

    private var isJSON: Bool {
        fields.contains { $0.name == "Content-Type" && $0.value == "application/json" }
    }

    private var isCompressible: Bool {
        guard case .bytes(let bytes) = body else { return false }
        return isJSON && bytes.count > Self.compressibleBytesMin
    }

    /// Adds a request header that the answer depends on.
    public mutating func vary(on header: String) {
        guard let index = fields.firstIndex(where: { $0.name == "Vary" }) else {
            return fields.append(("Vary", header))
        }
        let known = fields[index].value.split(separator: ",").map { $0.filter { $0 != " " }.lowercased() }
        if !known.contains(header.lowercased()) { fields[index].value += ", \(header)" }
    }
}

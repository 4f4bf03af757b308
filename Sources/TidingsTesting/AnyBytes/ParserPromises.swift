// What the readers of foreign bytes promise for any bytes at all. The seeded tests and the libFuzzer program
// ask the same questions; an answer is the promise that was broken.

import Foundation
public import HTTP

/// Questions to the readers. From any thread.
public enum ParserPromises {
    /// What bytes amounted to.
    public struct Outcome: Hashable, Sendable {
        public var requests: [Request] = []
        public var error: ParseError?
        public var bufferedBytes = 0
    }

    /// Feeds pieces to one parser until it has had enough.
    public static func outcome(
        _ pieces: [ArraySlice<UInt8>], limits: ParserLimits = ParserLimits()
    ) -> Outcome {
        var parser = RequestParser(limits: limits)
        var outcome = Outcome()
        do {
            for piece in pieces {
                parser.receive(Array(piece).span)
                reading: while true {
                    switch try parser.next() {
                    case .needsMore: break reading
                    case .expectsContinue: continue
                    case .request(let request): outcome.requests.append(request)
                    }
                }
            }
        } catch {
            outcome.error = error
        }
        outcome.bufferedBytes = parser.bufferedBytes
        return outcome
    }

    /// The request parser's. Nil: all kept.
    public static func brokenByRequests(_ bytes: [UInt8]) -> String? {
        let whole = outcome([bytes[...]])
        for pieces in splits(of: bytes) {
            let other = outcome(pieces)
            guard other.requests == whole.requests, (other.error == nil) == (whole.error == nil) else {
                return "split into \(pieces.count), the result is another"
            }
        }
        if whole.error != nil, whole.bufferedBytes > 0 { return "bytes are kept after an error" }
        for request in whole.requests {
            if let why = brokenByRequest(request) { return why }
        }
        return nil
    }

    /// Byte by byte, and two cuts that the bytes themselves choose.
    private static func splits(of bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
        guard bytes.count > 2 else { return [] }
        let mix = bytes.reduce(17) { ($0 &* 31 &+ Int($1)) & 0xFF_FFFF }
        let cut = mix % (bytes.count - 1) + 1
        return [bytes.indices.map { bytes[$0...$0] }, [bytes[..<cut], bytes[cut...]]]
    }

    private static func brokenByRequest(_ request: Request) -> String? {
        let hosts = request.fields.filter { $0.name == "host" }.count
        guard hosts == 1 || (hosts == 0 && request.version == .http10) else { return "\(hosts) Hosts" }
        let texts =
            [request.method, request.target.path] + request.fields.flatMap { [$0.name, $0.value] }
            + request.target.query.flatMap { [$0.name, $0.value] }
        for text in texts where text.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) {
            return "a control byte got through"
        }
        guard request.body.count <= ParserLimits().bodyBytesMax else { return "a body beyond its limit" }
        // Written anew in the plainest form it is the same request: nothing of it was read in two ways.
        var limits = ParserLimits()
        limits.requestLineBytesMax *= 8
        limits.headBytesMax *= 16
        let again = outcome([WrittenRequest(request).bytes[...]], limits: limits)
        guard again.error == nil, again.requests.count == 1, let twin = again.requests.first,
            twin.body == request.body, twin.target == request.target, twin.method == request.method,
            WrittenRequest.unframed(twin) == WrittenRequest.unframed(request)
        else { return "written anew it is another request" }
        return nil
    }

    // MARK: JSON

    /// The JSON reader's: never a trap; what it takes, Foundation's takes too; written anew it is the same.
    public static func brokenByJSON(_ bytes: [UInt8]) -> String? {
        guard let value = try? StrictJSON.parse(bytes) else { return nil }
        guard (try? StrictJSON.parse(WrittenJSON(value).bytes)) == value else {
            return "written anew it is another value"
        }
        // Exponents may leave a Double's range, which is no matter of grammar.
        if !bytes.contains(0x65), !bytes.contains(0x45),
            (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) == nil
        {
            return "Foundation refuses it"
        }
        return nil
    }
}

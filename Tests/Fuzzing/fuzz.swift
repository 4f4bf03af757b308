// The libFuzzer program: built and run by scripts/fuzz, no target of the package. TIDINGS_FUZZ names the
// reader.

import Foundation
import TidingsTesting

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    if let why = reader(bytes) {
        print("broken: \(why)")
        preconditionFailure("a promise was broken")
    }
    return 0
}

private let reader: @Sendable ([UInt8]) -> String? =
    switch ProcessInfo.processInfo.environment["TIDINGS_FUZZ"] {
    case "requests": ParserPromises.brokenByRequests
    case "json": ParserPromises.brokenByJSON
    case "tokens": ParserPromises.brokenBySyncToken
    default: preconditionFailure("TIDINGS_FUZZ is requests, json or tokens")
    }

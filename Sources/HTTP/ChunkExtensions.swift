// What may stand behind a chunk's size. It is dropped, but only when every parser agrees where it ends.
// RFC 9112 § 7.1.1, without the blanks it frowns upon:
//
//     *( ";" token [ "=" ( token / quoted-string ) ] )

enum ChunkExtensions {
    /// Whether the rest of a chunk's line, from its semicolon on, is a list of extensions.
    static func areWellFormed(_ line: ArraySlice<UInt8>) -> Bool {
        var rest = line
        while let first = rest.first {
            guard first == 0x3B else { return false }
            rest = rest.dropFirst()
            guard takeToken(&rest) else { return false }
            guard rest.first == 0x3D else { continue }
            rest = rest.dropFirst()
            guard rest.first == 0x22 ? takeQuoted(&rest) : takeToken(&rest) else { return false }
        }
        return true
    }

    private static func takeToken(_ rest: inout ArraySlice<UInt8>) -> Bool {
        let token = rest.prefix(while: HeadReader.isTokenByte)
        rest = rest.dropFirst(token.count)
        return !token.isEmpty
    }

    private static func takeQuoted(_ rest: inout ArraySlice<UInt8>) -> Bool {
        rest = rest.dropFirst()
        while let byte = rest.popFirst() {
            switch byte {
            case 0x22: return true
            case 0x5C:
                guard let escaped = rest.popFirst(), (0x20..<0x7F).contains(escaped) else { return false }
            case 0x20..<0x7F: break
            default: return false
            }
        }
        return false
    }
}

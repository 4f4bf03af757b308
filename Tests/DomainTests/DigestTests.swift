// The published vectors: a client in any language must arrive at the same fourteen digits.

import Domain
import Testing

@Suite struct DigestTests {
    @Test(arguments: [
        (Key.integer(1), Int64(1), "2a7a4622a37b33"),
        (.integer(7), 2, "060f507397a37d"),
        (.integer(1 << 53 - 1), 5, "01cd9062b00164"),
        (.text("0192f0c1-7d3a-7000-8000-000000000001"), 3, "1f5fc892cb5fba"),
        (.text("é"), 1, "32ea13904af36c"),
    ])
    func oneRecord(_ id: Key, _ version: Int64, _ hex: String) {
        var digest = Digest()
        digest.add(id, version: version)
        #expect(digest.hex == hex)
        digest.subtract(id, version: version)
        #expect(digest.hex == "00000000000000")
    }

    @Test func aThousandRecordsInAnyOrder() {
        var digest = Digest()
        for id in (1...1_000).shuffled() { digest.add(.integer(Int64(id)), version: Int64(id % 9 + 1)) }
        #expect(digest.hex == "38ebe3f15f6f69")
    }
}

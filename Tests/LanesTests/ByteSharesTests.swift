// Bytes that are shared out: nobody takes another's part, and what is let go of is there again.

import Lanes
import Testing

@Suite struct ByteSharesTests {
    @Test func nobodyTakesAnothersPartAndWhatIsLetGoOfIsThereAgain() {
        let shares = ByteShares<String>(bytesMax: 100, bytesMaxEach: 40)
        var own = [ByteShare(of: shares, for: "a"), ByteShare(of: shares, for: "a")]
        let other = ByteShare(of: shares, for: "b")
        #expect(own[0].grow(by: 30) == nil)
        #expect(own[1].grow(by: 11) == .each)
        #expect(own[1].grow(by: 10) == nil)
        #expect(other.grow(by: 40) == nil)
        #expect(shares.usedBytes == 80)
        own.removeFirst()
        #expect(shares.usedBytes == 50)
        #expect(own[0].grow(by: 30) == nil)
        withExtendedLifetime(other) {}
    }

    /// What is larger than a part could never be had otherwise; what is larger than all cannot.
    @Test func alonePassesItsPartAndNobodyPassesAll() {
        let shares = ByteShares<String>(bytesMax: 100, bytesMaxEach: 40)
        let large = ByteShare(of: shares, for: "a")
        #expect(large.grow(by: 60) == nil && large.grow(by: 30) == nil)
        #expect(ByteShare(of: shares, for: "a").grow(by: 1) == .each)
        #expect(ByteShare(of: shares, for: "b").grow(by: 11) == .all)
        #expect(ByteShare(of: shares, for: "b").grow(by: 10) == nil)
        #expect(shares.usedBytes == 90)
        withExtendedLifetime(large) {}
    }
}

// Secrets are made as scanners know them, kept as hashes, and never printed.

import Domain
import Foundation
import TestThreads
import Testing
import TidingsTesting

@testable import Registry

@Suite(.waits) struct SecretTests {
    @Test func aSecretIsFortyCharactersAndTheirChecksum() {
        for _ in 0..<200 {
            let text = Secret.random().revealed
            #expect(text.utf8.count == 48)
            #expect(
                text.utf8.prefix(40).allSatisfy {
                    $0 < 0x7B && ($0 > 0x60 || 0x30...0x39 ~= $0 || 0x41...0x5A ~= $0)
                })
            #expect(UInt32(text.suffix(8), radix: 16) == Secret.crc32(text.utf8.prefix(40)))
        }
        #expect(Secret.crc32("123456789".utf8) == 0xCBF4_3926)
        #expect(Secret.random() != Secret.random())
    }

    @Test func thePrefixIsOutsideTheChecksum() {
        let text = Secret.random(prefix: "tidings_").revealed
        #expect(text.hasPrefix("tidings_"))
        #expect(UInt32(text.suffix(8), radix: 16) == Secret.crc32(text.utf8.dropFirst(8).prefix(40)))
    }

    @Test func noWayOfPrintingShowsASecret() {
        let secret = Secret("hunter2")
        let holder: (Secret?, [String: Secret]) = (secret, ["token": secret])
        var dumped = ""
        dump(holder, to: &dumped)
        dump(
            TicketVerdict.honoured(
                token: TokenID(1), cookieName: "c", cookie: secret, ticket: SecretHash(of: "t")), to: &dumped)
        for text in [
            "\(secret)", String(reflecting: secret), "\(holder)", String(reflecting: holder), dumped,
        ] {
            #expect(!text.contains("hunter2"))
        }
        #expect("\(secret)" == "•••")
    }

    @Test func aHashIsTheSHA256ThatAnybodyElseComputes() throws {
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        let hash = SecretHash(of: "abc")
        #expect(hash.hex == hex)
        #expect(SecretHash(hex: hex) == hash)
        #expect(hash.bytes.count == 32 && hash.bytes.first == 0xBA && hash.bytes.last == 0xAD)
        #expect(SecretHash(hex: hex.uppercased()) == nil)
        #expect(SecretHash(hex: String(hex.dropLast())) == nil)
    }

    @Test func everyBitOfAHashCounts() throws {
        let hash = SecretHash(of: "abc")
        #expect(hash.matches(SecretHash(of: "abc")))
        for bit in 0..<256 {
            var bytes = hash.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!hash.matches(SecretHash(bytes)))
        }
    }

    /// What the compiler made of it: straight on, whatever the bytes are. A jump, a call, a string
    /// instruction or a variable shift could take a time that depends on them.
    @Test func comparingTakesTheSameStepsWhateverTheBytes() throws {
        let (_, text) = try runToEnd(
            "/usr/bin/env",
            [
                "objdump", "-d", "--no-show-raw-insn",
                "--disassemble=$s8Registry10SecretHashV7matchesySbACF", "/proc/\(getpid())/exe",
            ])
        let steps = text.split(separator: "\n").compactMap { line -> Substring? in
            let columns = line.split(separator: "\t")
            return columns.count == 2 ? columns[1].split(separator: " ").first : nil
        }
        #expect(steps.last?.hasPrefix("ret") == true, "\(text)")
        #expect(steps.filter { $0.hasPrefix("ret") }.count == 1)
        let straight = [
            "push", "pop", "mov", "xor", "eor", "or", "sete", "cset", "ret", "sub", "add", "ld", "st", "cmp",
        ]
        let strange = steps.filter { step in !straight.contains { step.hasPrefix($0) } }
        #expect(strange == [], "\(text)")
    }
}

@Suite(.waits) struct AbilitiesTests {
    private let products = EntityName("products")
    private let sales = EntityName("sales")

    @Test func eachNameAllowsWhatItSays() throws {
        let products = try #require(products)
        let sales = try #require(sales)
        let all = Abilities(["*"])
        #expect(all.mayRead(products) && all.mayWrite && all.mayOperate && all.readsEverything)
        let some = Abilities(["sync:read:products"])
        #expect(some.mayRead && some.mayRead(products) && !some.mayRead(sales))
        #expect(!some.readsEverything && !some.mayWrite && !some.mayOperate)
        let ops = Abilities(["ops"])
        #expect(ops.mayOperate && !ops.mayRead && !ops.mayWrite)
        let strange = Abilities(["sync:read:", "sync:read:Products", "sync", "SYNC:READ", "server:update"])
        #expect(!strange.mayRead && !strange.mayWrite && !strange.mayOperate)
    }

    @Test func nobodyGivesAwayMoreThanTheyHold() {
        #expect(Abilities(["*"]).narrowedToTill() == .till)
        #expect(Abilities(["sync:read", "ops"]).narrowedToTill()?.names == ["sync:read"])
        #expect(
            Abilities(["sync:write", "sync:read:sales", "app:x"]).narrowedToTill()?.names
                == ["sync:read:sales", "sync:write"])
        #expect(Abilities(["ops", "sync:write"]).narrowedToTill() == nil)
    }

    @Test func theyAreKeptAsTheListOfNamesThatSanctumKeeps() {
        for names in [["*"], [], ["sync:read:products", "a \"quoted\", [one]"]] {
            #expect(Abilities(json: Abilities(names).json).names == names)
        }
        #expect(Abilities(["sync:read", "*"]).json == #"["sync:read","*"]"#)
        #expect(
            Abilities(json: #"[ "sync:read" , "sync\u003awrite" ]"#).names == ["sync:read", "sync:write"])
        for broken in ["", "*", "\"*\"", "[\"*\"", "{\"*\":1}", "[1]"] {
            #expect(Abilities(json: broken).names == [])
        }
    }
}

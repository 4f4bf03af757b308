// Every type of setting reads back what it writes, and refuses what only looks right.

import Settings
import Testing

@Suite struct SettingValueTests {
    @Test(arguments: [
        ("0", Duration.zero, "0s"), ("0.5ms", .microseconds(500), "500us"),
        ("500us", .microseconds(500), "500us"),
        ("15s", .seconds(15), "15s"), ("1.5s", .milliseconds(1_500), "1500ms"), ("90s", .seconds(90), "90s"),
        ("120s", .seconds(120), "2m"), ("24h", .seconds(86_400), "1d"),
        ("0.5us", .nanoseconds(500), "0.500us"),
    ])
    func durationsAreExact(text: String, value: Duration, canonical: String) {
        #expect(Duration(settingText: text) == value)
        #expect(value.settingText == canonical)
        #expect(Duration(settingText: canonical) == value)
    }

    @Test(arguments: [
        "", "15", "s", "-1s", "+1s", "1 s", "1e3s", "1.s", ".5s", "1.2.3s", "1s1s", "15S", "1.00001us",
        "99999999999999999999s", "999999999999d", "٣s",
    ])
    func whatOnlyLooksLikeADurationIsRefused(text: String) { #expect(Duration(settingText: text) == nil) }

    @Test(arguments: [
        ("0", 0, "0B"), ("512B", 512, "512B"), ("64KiB", 65_536, "64KiB"), ("1024KiB", 1 << 20, "1MiB"),
        ("1GiB", 1 << 30, "1GiB"), ("1_000B", 1_000, "1000B"),
    ])
    func sizesAreExact(text: String, bytes: Int, canonical: String) {
        #expect(ByteSize(text)?.bytes == bytes)
        #expect(ByteSize(bytes: bytes).description == canonical)
    }

    @Test(arguments: ["", "64", "64KB", "64kib", "-1B", "1.5MiB", "B", "9999999999999GiB", "_1B"])
    func whatOnlyLooksLikeASizeIsRefused(text: String) { #expect(ByteSize(text) == nil) }

    @Test(arguments: ["127.0.0.1:8787", "0.0.0.0:0", "[::1]:80", "[fe80::1]:65535"])
    func addressesReadBack(text: String) { #expect(ListenAddress(text)?.description == text) }

    @Test(arguments: [
        "", "8787", ":8787", "::1:80", "[::1]", "[127.0.0.1]:80", "localhost:80", "1.2.3:4", "1.2.3.4:65536",
    ])
    func whatOnlyLooksLikeAnAddressIsRefused(text: String) { #expect(ListenAddress(text) == nil) }

    @Test func rangesContainTheirOwn() throws {
        let ten = try #require(AddressRange("10.0.0.0/8"))
        #expect(ten.contains("10.255.0.1") && !ten.contains("11.0.0.1") && !ten.contains("shop"))
        #expect(ten.contains("::ffff:10.1.1.1"), "an IPv4 peer of a dual-stack listener")
        let one = try #require(AddressRange("::1"))
        #expect(one.contains("::1") && !one.contains("::2") && !one.contains("127.0.0.1"))
        #expect(one.description == "::1")
        let odd = try #require(AddressRange("192.168.4.0/22"))
        #expect(odd.contains("192.168.7.255") && !odd.contains("192.168.8.0"))
        #expect(AddressRange("0.0.0.0/0")?.contains("8.8.8.8") == true)
        for bad in ["10.1.2.3/8", "10.0.0.0/33", "10.0.0.0/", "x/8", "10.0.0.0/8/8", "10.0.0.0/-1"] {
            #expect(AddressRange(bad) == nil, "\(bad)")
        }
    }

    @Test(arguments: ["*", "https://a.example/", "https://A.example", "a.example", "https://", "https://a b"])
    func whatNoBrowserSendsAsAnOriginIsRefused(text: String) { #expect(WebOrigin(text) == nil) }
}

// Framing: whatever the data, one event in is one event out.

import Domain
import Testing

@Suite struct ServerSentEventTests {
    static func encode(_ write: (inout JSONWriter) -> Void, id: String? = nil, retry: Int? = nil) -> String {
        var json = JSONWriter()
        write(&json)
        return String(
            decoding: ServerSentEvent.encode(event: "change", id: id, retryMilliseconds: retry, data: json),
            as: UTF8.self)
    }

    @Test func fieldsComeInOneOrder() {
        #expect(
            Self.encode({ $0.raw("{}") }, id: "abc", retry: 1_500)
                == "event: change\nid: abc\nretry: 1500\ndata: {}\n\n")
    }

    @Test(arguments: [
        ("a\nb", #"a\nb"#), ("a\rb", #"a\rb"#), ("a\r\nb", #"a\r\nb"#), ("\ndata: x", #"\ndata: x"#),
        ("", ""),
        ("a\n", #"a\n"#), ("a\u{85}b", #"a\u0085b"#), ("\u{2028}\u{2029}", #"\u2028\u2029"#),
    ])
    func lineEndsInDataStayInsideTheEvent(_ data: String, _ expected: String) {
        #expect(Self.encode { $0.string(data) } == "event: change\ndata: \"\(expected)\"\n\n")
    }

    @Test(arguments: [
        ("{\n}", "{ }"), ("{\r\n\r\n}", "{    }"), ("\n\nevent: bye", "  event: bye"), ("[1]\r", "[1] "),
    ])
    func lineEndsBetweenPartsAreSpaces(_ data: String, _ expected: String) {
        #expect(Self.encode { $0.raw(Array(data.utf8)) } == "event: change\ndata: \(expected)\n\n")
    }

    @Test func anIdThatCouldBreakTheFramingTraps() async {
        await #expect(processExitsWith: .failure) {
            let json = JSONWriter()
            _ = ServerSentEvent.encode(event: "change", id: "1\ndata: x", retryMilliseconds: nil, data: json)
        }
    }

    @Test(arguments: [0, 9, 10, 99, 100, 1_000_000, Int.max, -1, -10, Int.min])
    func integersAreDecimal(_ value: Int) {
        #expect(Self.encode { $0.integer(value) } == "event: change\ndata: \(value)\n\n")
    }
}

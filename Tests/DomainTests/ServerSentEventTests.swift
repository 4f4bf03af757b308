// Framing: whatever the data, one event in is one event out.

import Domain
import Testing

@Suite struct ServerSentEventTests {
    static func encode(_ data: String, id: String? = nil, retry: Int? = nil) -> String {
        String(
            decoding: ServerSentEvent.encode(
                event: "change", id: id, retryMilliseconds: retry, data: Array(data.utf8)),
            as: UTF8.self)
    }

    @Test func fieldsComeInOneOrder() {
        #expect(
            Self.encode("{}", id: "abc", retry: 1_500) == "event: change\nid: abc\nretry: 1500\ndata: {}\n\n")
    }

    @Test(arguments: [
        ("a\nb", "data: a\ndata: b\n\n"), ("a\rb", "data: a\ndata: b\n\n"),
        ("a\r\nb", "data: a\ndata: b\n\n"),
        ("a\r\n\r\nb", "data: a\ndata: \ndata: b\n\n"), ("\ndata: x", "data: \ndata: data: x\n\n"),
        ("", "data: \n\n"), ("a\n", "data: a\ndata: \n\n"),
    ])
    func lineEndsInDataStayInsideTheEvent(_ data: String, _ expected: String) {
        #expect(Self.encode(data) == "event: change\n" + expected)
    }

    @Test func anIdThatCouldBreakTheFramingTraps() async {
        await #expect(processExitsWith: .failure) {
            _ = ServerSentEvent.encode(event: "change", id: "1\ndata: x", retryMilliseconds: nil, data: [])
        }
    }
}

// What is counted arrives on the page, and the page is what a scraper reads. The grammar is held here line by
// line; `promtool check metrics`, where it is installed, is the second opinion.

import Telemetry
import Testing

private enum Colour: String, MetricLabel {
    case red
    case awkward = "a\\b\"c\nd"
}

@Suite struct PrometheusTextTests {
    /// Lines of families, samples grouped under their names.
    private static func page(_ metrics: any Metric...) -> [String] {
        var page = PrometheusText()
        page.add(metrics)
        return page.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func aCounterSaysWhatItCounted() {
        let counter = Counter("tidings_test_total", help: "Tests.")
        counter.add()
        counter.add(41)
        #expect(
            Self.page(counter) == [
                "# HELP tidings_test_total Tests.", "# TYPE tidings_test_total counter",
                "tidings_test_total 42", "",
            ])
    }

    @Test func helpAndLabelsAreEscaped() {
        let counter = LabelledCounter<Colour>(
            "tidings_test_total", help: "A \\ and\na \"line\".", label: "colour")
        counter.add(.awkward)
        #expect(
            Self.page(counter) == [
                #"# HELP tidings_test_total A \\ and\na "line"."#, "# TYPE tidings_test_total counter",
                #"tidings_test_total{colour="red"} 0"#, #"tidings_test_total{colour="a\\b\"c\nd"} 1"#, "",
            ])
    }

    @Test func aGaugeGoesUpAndDown() {
        let gauge = Gauge("tidings_test_bytes", help: "Held.")
        gauge.set(10)
        gauge.add(-12)
        #expect(Self.page(gauge)[2] == "tidings_test_bytes -2")
    }

    @Test func bucketsAreCumulativeAndTheLastTakesTheRest() {
        let histogram = Histogram(
            "tidings_test_seconds", help: "Waits.",
            bounds: [.milliseconds(1), .milliseconds(10), .seconds(1)])
        for duration in [Duration.milliseconds(-3), .milliseconds(1), .milliseconds(2), .seconds(5)] {
            histogram.observe(duration)
        }
        #expect(
            Self.page(histogram) == [
                "# HELP tidings_test_seconds Waits.", "# TYPE tidings_test_seconds histogram",
                #"tidings_test_seconds_bucket{le="0.001"} 2"#, #"tidings_test_seconds_bucket{le="0.01"} 3"#,
                #"tidings_test_seconds_bucket{le="1"} 3"#, #"tidings_test_seconds_bucket{le="+Inf"} 4"#,
                "tidings_test_seconds_sum 5.003", "tidings_test_seconds_count 4", "",
            ])
    }

    @Test func numbersAreWrittenAsScrapersReadThem() {
        var page = PrometheusText()
        page.family(
            "tidings_test", .gauge, "Numbers.",
            [Double.infinity, -.infinity, .nan, 1e21, 0.25, -0.0].map { ([], $0) })
        #expect(
            page.text.split(separator: "\n").dropFirst(2).map { $0.dropFirst("tidings_test ".count) } == [
                "+Inf", "-Inf", "NaN", "1e+21", "0.25", "0",
            ])
    }

    @Test func countingFromManyThreadsLosesNothing() async {
        let counter = LabelledCounter<Colour>("tidings_test_total", help: "Tests.", label: "colour")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { counter.add(.red) } } }
        }
        #expect(counter[.red] == 80_000)
        #expect(counter[.awkward] == 0)
    }

    @Test func aNameWithoutItsSuffixTraps() async {
        await #expect(processExitsWith: .failure) { _ = Counter("tidings_accepts", help: "Accepts.") }
        await #expect(processExitsWith: .failure) { _ = Gauge("tidings_streams_total", help: "Streams.") }
        await #expect(processExitsWith: .failure) { _ = Histogram("tidings_reads", help: "Reads.") }
        await #expect(processExitsWith: .failure) { _ = Gauge("Streams", help: "Streams.") }
    }

    @Test func aFamilyStandsOnAPageOnce() async {
        await #expect(processExitsWith: .failure) {
            var page = PrometheusText()
            page.family("tidings_ready", .gauge, "Ready.", 1)
            page.family("tidings_ready", .gauge, "Ready.", 1)
        }
    }
}

// How long, or how much: counts in buckets whose bounds are fixed at definition.

import Synchronization

/// Durations in buckets. From any lane.
public final class Histogram: Metric {
    public let name: StaticString
    public let help: StaticString
    private let cells: BucketCells

    /// 250 µs, doubling, to 8 s: from a cached read to what somebody will complain about.
    public static let usualBounds = (0..<16).map { Duration.microseconds(250 << $0) }

    /// - Parameters:
    ///   - name: Ends with `_seconds`.
    ///   - bounds: Upper bounds, ascending, at least one.
    public init(_ name: StaticString, help: StaticString, bounds: [Duration] = usualBounds) {
        self.name = name
        self.help = help
        cells = BucketCells(name, bounds)
        MetricRules.check(name, .histogram)
    }

    /// - Complexity: A handful of comparisons, two relaxed additions. Less than nothing (a clock was set)
    ///   is zero.
    public func observe(_ duration: Duration) { cells.observe(duration) }

    public func write(to page: inout PrometheusText) {
        page.histogram(name, help, bounds: cells.bounds, buckets: cells.buckets, sum: cells.sum)
    }
}

/// A histogram for each value of one label. From any lane.
public final class LabelledHistogram<Label: MetricLabel>: Metric {
    public let name: StaticString
    public let help: StaticString
    private let label: StaticString
    private let cells: [Label: BucketCells]

    /// - Parameters:
    ///   - name: Ends with `_seconds`.
    ///   - label: The label's name; its values are the raw values of `Label`.
    public init(_ name: StaticString, help: StaticString, label: StaticString) {
        self.name = name
        self.help = help
        self.label = label
        cells = Dictionary(
            uniqueKeysWithValues: Label.allCases.map { ($0, BucketCells(name, Histogram.usualBounds)) })
        MetricRules.check(name, .histogram)
        MetricRules.check(label: label)
    }

    /// - Complexity: One look-up, and what a histogram costs.
    public func observe(_ value: Label, _ duration: Duration) { cells[value]?.observe(duration) }

    /// Every value of the label, also those that have not moved yet.
    public func write(to page: inout PrometheusText) {
        let all = Label.allCases.compactMap { value in
            cells[value].map { (value: value.rawValue, buckets: $0.buckets, sum: $0.sum) }
        }
        page.histograms(
            name, help, label: label, bounds: cells.values.first?.bounds ?? [], all)
    }
}

/// The counts of one histogram. From any lane.
private final class BucketCells: Sendable {
    private let boundsMicroseconds: [Int64]
    /// One more than bounds: the last takes the rest.
    private let cells: [Cell]
    private let sumMicroseconds = Atomic<Int64>(0)

    /// One bucket. From any lane.
    private final class Cell: Sendable {
        let count = Atomic<Int>(0)
    }

    init(_ name: StaticString, _ bounds: [Duration]) {
        boundsMicroseconds = bounds.map(\.microseconds)
        cells = (0...bounds.count).map { _ in Cell() }
        precondition(
            !bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy(<), "\(name): bounds ascend")
    }

    func observe(_ duration: Duration) {
        let value = max(0, duration.microseconds)
        let index = boundsMicroseconds.firstIndex { value <= $0 } ?? boundsMicroseconds.count
        cells[index].count.wrappingAdd(1, ordering: .relaxed)
        sumMicroseconds.wrappingAdd(value, ordering: .relaxed)
    }

    var bounds: [Double] { boundsMicroseconds.map { Double($0) / 1_000_000 } }
    var buckets: [Int] { cells.map { $0.count.load(ordering: .relaxed) } }
    var sum: Double { Double(sumMicroseconds.load(ordering: .relaxed)) / 1_000_000 }
}

extension Duration {
    fileprivate var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}

// What only ever grows. A counter is defined next to the line that moves it, once for the process:
//
//     private static let refused = Counter("tidings_refused_total", help: "Newcomers that were refused.")
//
// Relaxed atomics: one addition, no lock, no order promised between two counters. What a loop counts for
// every event of every stream belongs in a plain tally of that loop instead, summed when somebody asks.

import Synchronization

/// A number that grows until the process ends. From any lane.
public final class Counter: Metric {
    public let name: StaticString
    public let help: StaticString
    private let cell = Atomic<Int>(0)

    /// - Parameter name: Ends with `_total`; what is counted in bytes or seconds says so before that.
    public init(_ name: StaticString, help: StaticString) {
        self.name = name
        self.help = help
        MetricRules.check(name, .counter)
    }

    /// - Complexity: One relaxed addition.
    public func add(_ count: Int = 1) { cell.wrappingAdd(count, ordering: .relaxed) }

    public var value: Int { cell.load(ordering: .relaxed) }

    public func write(to page: inout PrometheusText) { page.family(name, .counter, help, value) }
}

/// One counter for each value of one label. From any lane.
///
/// The label's type has all its values known when it is compiled, so nothing a client sends can make a new
/// series.
public final class LabelledCounter<Label: MetricLabel>: Metric {
    public let name: StaticString
    public let help: StaticString
    private let label: StaticString
    private let cells: [Label: Cell]

    /// One label's count. From any lane.
    private final class Cell: Sendable {
        let count = Atomic<Int>(0)
    }

    /// - Parameters:
    ///   - name: Ends with `_total`.
    ///   - label: The label's name; its values are the raw values of `Label`.
    public init(_ name: StaticString, help: StaticString, label: StaticString) {
        self.name = name
        self.help = help
        self.label = label
        cells = Dictionary(uniqueKeysWithValues: Label.allCases.map { ($0, Cell()) })
        MetricRules.check(name, .counter)
        MetricRules.check(label: label)
    }

    /// - Complexity: One look-up, one relaxed addition.
    public func add(_ value: Label, _ count: Int = 1) {
        cells[value]?.count.wrappingAdd(count, ordering: .relaxed)
    }

    public subscript(value: Label) -> Int { cells[value]?.count.load(ordering: .relaxed) ?? 0 }

    /// Every value of the label, also those that have not moved yet.
    public func write(to page: inout PrometheusText) {
        page.family(
            name, .counter, help, Label.allCases.map { ([("\(label)", $0.rawValue)], Double(self[$0])) })
    }
}

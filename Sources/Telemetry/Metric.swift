// What all metrics have in common: a name that says its unit, a sentence of help, a bounded set of labels.
// Each module lists its own (`enum RegistryMetrics { static let all: [any Metric] }`), so that a figure that
// has not moved yet stands on the page as zero.

/// Something `/metrics` shows.
public protocol Metric: Sendable {
    var name: StaticString { get }
    /// One sentence: what moves it.
    var help: StaticString { get }
    /// Writes one whole family.
    func write(to page: inout PrometheusText)
}

/// A label whose values are all known when it is compiled.
public protocol MetricLabel: Hashable, Sendable, CaseIterable, RawRepresentable<String> {}

/// The conventions of prometheus.io/docs/practices/naming, held where a metric is defined: a name that breaks
/// them is a bug, and traps the first time it is used.
enum MetricRules {
    static func check(_ name: StaticString, _ kind: PrometheusText.Kind) {
        let text = "\(name)"
        precondition(
            isName(text) && text.hasPrefix("tidings_"), "\(text): lower case, digits, _, tidings_ in front")
        precondition(
            text.hasSuffix("_total") == (kind == .counter), "\(text): counters, and only they, end in _total")
        if kind == .histogram {
            precondition(
                text.hasSuffix("_seconds") || text.hasSuffix("_bytes"), "\(text): ends with its unit")
        }
    }

    static func check(label: StaticString) {
        let text = "\(label)"
        precondition(isName(text) && text != "le" && !text.hasPrefix("__"), "\(text): not a label's name")
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first) else { return false }
        return text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }
}

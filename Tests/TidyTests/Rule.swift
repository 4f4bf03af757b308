// A house rule that the compiler does not hold: what it looks for, and a bad example that it must catch. A
// rule without an example cannot be written, so that none can rot into one that finds nothing.

import Testing

/// Where a rule is broken, and how. Lines count from 1.
struct Finding: Sendable, CustomStringConvertible {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}

struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    /// Breaks the rule.
    let bad: SourceFile
    /// Keeps it, narrowly.
    let good: SourceFile
    let findings: @Sendable (SourceFile) -> [Finding]

    var testDescription: String { name }

    init(
        _ name: String, path: String = "Sources/Domain/Example.swift", bad: String, good: String,
        findings: @escaping @Sendable (SourceFile) -> [Finding]
    ) {
        self.name = name
        self.bad = SourceFile(path: path, text: bad)
        self.good = SourceFile(path: path, text: good)
        self.findings = findings
    }
}

extension SourceFile {
    func finding(_ index: Int, _ message: String) -> Finding {
        Finding(path: path, line: index + 1, message: message)
    }

    /// A finding for each line in which the pattern stands.
    ///
    /// - Parameter hints: One of these stands in every match; looking for them first is ten times as quick.
    func findings(
        of pattern: Regex<Substring>, hints: [String], in lines: [String], _ message: String
    ) -> [Finding] {
        lines.enumerated().compactMap { index, line in
            hints.contains(where: line.contains) && line.contains(pattern) ? finding(index, message) : nil
        }
    }
}

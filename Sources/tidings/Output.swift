// What commands print: results on standard output, for people or (--json) for programs, complaints on
// standard error. Texts from elsewhere never reach a terminal with their control characters.

import ArgumentParser
import Foundation

/// `--json`.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON instead of text.")
    var json = false

    /// Prints `value` as JSON, or the lines for people.
    func print(_ value: some Encodable, text: () -> [String]) throws {
        if json {
            try Output.json(value)
        } else {
            for line in text() { Output.line(line) }
        }
    }
}

enum Output {
    static func line(_ text: String) { print(text.withoutControls) }

    /// One line of JSON, keys sorted and in snake case.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    static func complain(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let safe = lines.map { String($0).withoutControls + "\n" }.joined()
        FileHandle.standardError.write(Data(safe.utf8))
    }

    /// Lines with their columns aligned.
    static func table(_ heads: [String], _ rows: [[String]]) -> [String] {
        let widths = heads.indices.map { column in
            ([heads] + rows).map { $0[column].count }.max() ?? 0
        }
        return ([heads] + rows).map { cells in
            let padded = zip(cells, widths).map { cell, width in
                cell + String(repeating: " ", count: max(0, width - cell.count))
            }
            return padded.joined(separator: "  ").trimmingCharacters(in: .whitespaces)
        }
    }
}

extension String {
    /// Control characters as `\u{1B}`.
    fileprivate var withoutControls: String {
        unicodeScalars.map { scalar in
            let isControl = scalar.properties.generalCategory == .control
            return isControl ? scalar.escaped(asASCII: true) : String(scalar)
        }.joined()
    }
}

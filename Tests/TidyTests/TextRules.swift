// The rules for every text file: documents, scripts, configuration and code alike.

import Foundation

extension Rule {
    static let text: [Rule] = [
        noLeftovers, noMachinePaths, markdownTitle, markdownLinks, noLineReferences, scripts,
    ]

    // Written in pieces, so that the rules do not find themselves.
    private static let leftovers = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    private static let machinePaths = [
        "/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", "/tmp/" + "bash",
    ]

    private static let noLeftovers = Rule(
        "nothing is left for later", bad: "// \(leftovers[0]): more\n", good: "// Nothing to do.\n"
    ) { file in
        file.lines.enumerated().compactMap { index, line in
            guard leftovers.contains(where: line.contains) else { return nil }
            let words = line.split { !$0.isLetter }.map(String.init)
            return leftovers.first(where: words.contains).map {
                file.finding(index, "\($0): do it, or say it in words")
            }
        }
    }

    private static let noMachinePaths = Rule(
        "no file names the machine it was written on", bad: "// See \(machinePaths[0])main\n",
        good: "// See /etc/tidings\n"
    ) { file in
        file.lines.enumerated().compactMap { index, line in
            machinePaths.first { line.contains($0) }.map { file.finding(index, "names \($0)") }
        }
    }

    private static let markdownTitle = Rule(
        "a document has one title", path: "docs/EXAMPLE.md", bad: "# One\n\n# Two\n",
        good: "# One\n\n```sh\n# not a title\n```\n"
    ) { file in
        guard file.isMarkdown else { return [] }
        let titles = file.prose.filter { $0.line.hasPrefix("# ") }
        return titles.count == 1 ? [] : [file.finding(titles.last?.index ?? 0, "\(titles.count) titles")]
    }

    private static let markdownLinks = Rule(
        "a document's links lead somewhere", path: "docs/EXAMPLE.md", bad: "# A\n\n[gone](../nowhere.md)\n",
        good: "# A\n\n[there](../README.md), [far](https://example.com), [here](#a)\n"
    ) { file in
        guard file.isMarkdown else { return [] }
        let folder = Tree.root.appending(path: file.path).deletingLastPathComponent()
        return file.prose.flatMap { index, line in
            line.matches(of: /\]\(([^)\s]+)\)/).compactMap { match in
                let target = String(match.1.prefix { $0 != "#" })
                if target.isEmpty || target.contains("://") || target.hasPrefix("mailto:") { return nil }
                let exists = FileManager.default.fileExists(atPath: folder.appending(path: target).path)
                return exists ? nil : file.finding(index, "\(target) is not there")
            }
        }
    }

    /// Lines move; names stay.
    private static let noLineReferences = Rule(
        "documents refer to code by name, never by line", path: "docs/EXAMPLE.md",
        bad: "# A\n\nSee `Tail.swift:12`.\n",
        good: "# A\n\nSee `Tail.append`.\n"
    ) { file in
        guard file.isMarkdown else { return [] }
        return file.findings(of: /\.(?:swift|c|h|py):\d+/, hints: ["."], in: file.lines, "refers to a line")
    }

    private static let scripts = Rule(
        "a script stops at its first error", path: "scripts/example", bad: "#!/bin/bash\nls\n",
        good: "#!/usr/bin/env bash\n# Lists.\nset -euo pipefail\nls\n"
    ) { file in
        guard file.isScript else { return [] }
        var found: [Finding] = []
        if file.lines.first != "#!/usr/bin/env bash" {
            found.append(file.finding(0, "not #!/usr/bin/env bash"))
        }
        if file.lines.count < 2 || !file.lines[1].hasPrefix("# ") {
            found.append(file.finding(1, "says not what it does"))
        }
        if !file.lines.contains("set -euo pipefail") {
            found.append(file.finding(0, "lacks set -euo pipefail"))
        }
        return found
    }
}

extension SourceFile {
    /// The lines of a document outside its fenced blocks.
    fileprivate var prose: [(index: Int, line: String)] {
        var isFenced = false
        return lines.enumerated().compactMap { index, line in
            if line.hasPrefix("```") {
                isFenced.toggle()
                return nil
            }
            return isFenced ? nil : (index, line)
        }
    }
}

// How long functions are, from braces alone: code whose strings and comments are blanked has balanced ones.

/// A function and the lines it covers, from its name to its closing brace.
struct FunctionSpan {
    let name: String
    let lines: ClosedRange<Int>
}

/// Finds `func`, `init`, `deinit` and `subscript` with a body.
struct FunctionSpans {
    private(set) var all: [FunctionSpan] = []
    private let code: [String]

    init(_ file: SourceFile) {
        code = file.code
        // A literal is parsed wherever it is met.
        let pattern =
            #/
            ^\s*(?:@\w+(?:\(.*?\))?\ )*(?:[a-z]+(?:\([a-z]+\))?\ )*
            (func\ [^\s(<]+|init[?(<]|deinit|subscript)
            /#
        for (index, line) in file.code.enumerated() {
            guard ["func ", "init", "subscript"].contains(where: line.contains),
                let match = line.firstMatch(of: pattern)
            else { continue }
            let words = match.1.split(separator: " ")
            let name = String(words.last ?? match.1).filter { $0 != "(" && $0 != "?" && $0 != "<" }
            if let end = endOfBody(from: index) { all.append(FunctionSpan(name: name, lines: index...end)) }
        }
    }

    /// Nil for a requirement of a protocol, which has none.
    private func endOfBody(from start: Int) -> Int? {
        var parentheses = 0
        var braces = 0
        var lineHasEnded = false
        let characters = code[start...].indices.lazy.flatMap { index in
            (code[index] + "\n").map { ($0, index) }
        }
        for (character, current) in characters {
            switch character {
            case "(", "[": parentheses += 1
            case ")", "]": parentheses -= 1
            case "{" where parentheses == 0 || braces > 0: braces += 1
            case "}" where braces > 0:
                braces -= 1
                if braces == 0 { return current }
            case "}" where parentheses == 0: return nil
            case "\n" where braces == 0 && parentheses == 0: lineHasEnded = true
            case " ", "\n": break
            default:
                // The signature went on only if the next line begins with what continues one.
                let continues = character == "-" || character == "t" || character == "w" || character == "{"
                if lineHasEnded, braces == 0, parentheses == 0, !continues { return nil }
                if braces == 0, parentheses == 0 { lineHasEnded = false }
            }
        }
        return nil
    }
}

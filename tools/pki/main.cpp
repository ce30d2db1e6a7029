// SPDX-License-Identifier: GPL-3.0-or-later
// minivisor-pki: makes the files that TLS credentials are read from. The commands and their help, and the entry.
#include "crypto/secret_bytes.hpp"
#include "tools/pki/commands.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <limits>

#include <sys/stat.h>

namespace minivisor::tools {

namespace {

struct Command {
    std::string_view name;
    std::string_view usage;
    std::string_view help;
    std::size_t fewest_words;
    std::size_t most_words;
    std::vector<std::string_view> options; ///< those that take a value
    bool force;
    Result<void> (*run)(Arguments const&);
};

constexpr auto any_number = std::numeric_limits<std::size_t>::max();

std::array const commands{
    Command{"init", "AUTHORITY", "make a certificate authority in the folder AUTHORITY", 1, 1, {"name", "days", "key"},
        true, init},
    Command{"server", "AUTHORITY FOLDER HOST...",
        "make a server's certificate in FOLDER; it names each HOST, a name or an address, by\n"
        "      which sources reach it; the first one is its common name",
        3, any_number, {"subject", "days", "key", "number"}, true, server},
    Command{"client", "AUTHORITY FOLDER NAME",
        "make a client's certificate in FOLDER. NAME is the identity that authorization rules\n"
        "      compare with, such as 'C=GB,O=Example Org,CN=laptop', or a common name alone",
        3, 3, {"days", "key", "number"}, true, client},
    Command{"psk", "FOLDER [USER]", "add a fresh key for USER (default qemu) to FOLDER/keys.psk", 1, 2, {}, true, psk},
    Command{"revoke", "AUTHORITY WHO...",
        "revoke certificates; WHO is an identity, a common name, a serial number or a PEM file", 2, any_number,
        {"update"}, false, revoke},
    Command{"show", "PATH...", "what is in a folder or a PEM file, until when, and whether minivisor can use it", 1,
        any_number, {}, false, show},
};

constexpr std::string_view options_help = R"(options:
  --days N          how long it is valid (default: an authority 3650 days, others 365)
  --key KIND        p256 (ECDSA, the default), p384, rsa (3072 bits) or ed25519
  --name NAME       init: the authority's name (default: "Migration CA" and a number)
  --subject NAME    server: the whole name, in place of the first host
  --number N        server, client: a further identity beside the first, N from 0 to 3
  --update FOLDER   revoke: write the list to FOLDER too; may be given several times
  --force           replace what is there; nothing is overwritten without it
  --help            this text

Credentials are the files that tls-creds-x509 and tls-creds-psk look for: ca-cert.pem, ca-crl.pem,
server-cert.pem, server-key.pem, client-cert.pem, client-key.pem, keys.psk. Keys can be read by
their owner only. QEMU takes the same files.

A throw-away authority, and the two ends of a migration:

  minivisor-pki init ca --days 2
  minivisor-pki server ca destination localhost 127.0.0.1
  minivisor-pki client ca source 'C=GB,O=Example Org,CN=laptop'
)";

std::string help()
{
    std::string text = "usage: minivisor-pki COMMAND ARGUMENTS [OPTIONS]\n\n";
    for (auto const& command : commands)
        text += cat("  ", command.name, ' ', command.usage, "\n      ", command.help, '\n');
    return cat(text, '\n', options_help);
}

Result<Arguments> parse(Command const& command, std::vector<std::string> const& words)
{
    Arguments arguments;
    bool only_words = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        auto const& word = words[i];
        if (only_words || !word.starts_with('-')) {
            arguments.words.push_back(word);
            continue;
        }
        if (word == "--") {
            only_words = true;
            continue;
        }
        auto const equals = word.find('=');
        auto const name = word.starts_with("--") ? word.substr(2, equals == word.npos ? equals : equals - 2) : "";
        if (name == "force" && command.force && equals == word.npos) {
            arguments.force = true;
            continue;
        }
        if (std::ranges::find(command.options, name) == command.options.end())
            return Error::generic(cat(command.name, " has no option ", word));
        if (equals == word.npos && i + 1 == words.size())
            return Error::generic(cat("the option ", word, " needs a value"));
        if (name != "update" && arguments.options.contains(name))
            return Error::generic(cat("the option --", name, " is there twice"));
        arguments.options.emplace(name, equals == word.npos ? words[++i] : word.substr(equals + 1));
    }
    if (arguments.words.size() < command.fewest_words || arguments.words.size() > command.most_words)
        return Error::generic(cat("it is written: minivisor-pki ", command.name, ' ', command.usage));
    if (std::ranges::find(arguments.words, "") != arguments.words.end())
        return Error::generic("an argument is empty");
    return arguments;
}

Result<void> run(std::vector<std::string> words)
{
    bool const asks = std::ranges::any_of(words, [](auto const& word) { return word == "--help" || word == "-h"; });
    if (asks || words.empty() || words.front() == "help") {
        std::fputs(help().c_str(), words.empty() ? stderr : stdout);
        return words.empty() ? Result<void>(Error::generic("there is no command")) : Result<void>();
    }
    auto const name = words.front();
    words.erase(words.begin());
    for (auto const& command : commands)
        if (command.name == name)
            return command.run(TRY(parse(command, words)));
    auto error = Error::generic(cat("there is no command '", name, '\''));
    return std::move(error).with_hint("minivisor-pki --help lists them.");
}

} // namespace

std::string Arguments::option(std::string_view name, std::string fallback) const
{
    auto const found = options.find(name);
    return found == options.end() ? std::move(fallback) : found->second;
}

Result<int> Arguments::number(std::string_view name, int fallback, int lowest, int highest) const
{
    auto const found = options.find(name);
    if (found == options.end())
        return fallback;
    auto const value = util::parse_int64(found->second);
    if (!value || *value < lowest || *value > highest)
        return Error::generic(cat("--", name, " is a number from ", lowest, " to ", highest));
    return static_cast<int>(*value);
}

} // namespace minivisor::tools

int main(int argc, char** argv)
{
    minivisor::crypto::keep_secrets_apart();
    using namespace minivisor;
    log::set_program("minivisor-pki");
    ::umask(022 | ::umask(077)); // nobody else writes what is trusted here, whatever the shell's mask says
    try {
        if (auto const done = tools::run({argv + std::min(argc, 1), argv + argc}); !done) {
            std::fflush(stdout);
            log::error(done.error());
            return 1;
        }
    } catch (std::exception const& failed) { // no memory, or a path that the library cannot handle
        log::error(failed.what());
        return 1;
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}

// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 8.3. The ciphertexts were made with `openssl enc -aes-256-cbc`.
#include "crypto/secret.hpp"
#include "qom/user_object.hpp"
#include "tests/unit/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstring>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace minivisor::crypto {
namespace {

constexpr auto key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr auto iv = "MDEyMzQ1Njc4OWFiY2RlZg==";

struct Tree {
    Tree() { register_secrets(types); }
    /// "" or the complaint.
    std::string add(std::string const& id, qapi::Object arguments)
    {
        if (!arguments.contains("qom-type"))
            arguments["qom-type"] = "secret";
        arguments["id"] = id;
        auto const added = qom::add_user_object(tree, std::move(arguments), qapi::Spelling::json);
        return added ? "" : added.error().desc();
    }
    /// What it holds, or the complaint.
    std::string held(std::string const& id)
    {
        auto const bytes = find_secret_text(tree, id);
        return bytes ? std::string(as_text(*bytes)) : "! " + bytes.error().desc();
    }
    qom::TypeRegistry types;
    qom::Tree tree{types};
};

TEST_CASE("secret: given as it is, in base64, in a file")
{
    test::TempDir const dir;
    dir.write("pw", "let me in\n");
    Tree tree;
    REQUIRE(tree.add("a", {{"data", "letmein"}}) == "");
    REQUIRE(tree.add("b", {{"data", "bGV0bWVpbg=="}, {"format", "base64"}}) == "");
    REQUIRE(tree.add("c", {{"file", dir.file("pw")}}) == "");
    REQUIRE(tree.add("d", {{"data", ""}}) == "");
    CHECK(tree.held("a") == "letmein");
    CHECK(tree.held("b") == "letmein");
    CHECK(tree.held("c") == "let me in\n");
    CHECK(tree.held("d") == "");
    CHECK(tree.held("e") == "! No secret with id 'e'");
}

TEST_CASE("secret: no property gives it back")
{
    Tree tree;
    REQUIRE(tree.add("a", {{"data", "letmein"}}) == "");
    auto const* object = tree.tree.find_user_object("a");
    for (auto const* property : object->type().all_properties()) {
        auto const value = object->get(property->name);
        REQUIRE(value);
        CHECK(*value != qapi::Value("letmein"));
    }
    CHECK(object->get("data").value() == qapi::Value(""));
}

TEST_CASE("secret: not every secret is a text")
{
    Tree tree;
    REQUIRE(tree.add("a", {{"data", "/4A="}, {"format", "base64"}}) == "");
    CHECK(tree.held("a") == "! Data from secret a is not valid UTF-8");
    CHECK(find_secret(tree.tree, "a")->size() == 2);
}

TEST_CASE("secret: base64 with line ends, and without its padding")
{
    auto const decoded = [](std::string_view text) {
        auto const bytes = decode_base64(text);
        return bytes ? std::string(as_text(*bytes)) : "! " + bytes.error().desc();
    };
    CHECK(decoded("bGV0\nbWVpbg==\n") == "letmein");
    CHECK(decoded("bGV0bWVpbg") == "letmein");
    CHECK(decoded("") == "");
    for (auto const* const bad : {"not base64!", "a-b_", "bGV0bWVpbg==x", "=", "\xc3\xbc"})
        CHECK(decoded(bad) == "! Base64 data contains invalid characters");
    CHECK(decoded("bGV0b") == "! Base64 data ends in the middle of a byte");
}

TEST_CASE("secret: encrypted with another one")
{
    Tree tree;
    REQUIRE(tree.add("k", {{"data", key}, {"format", "base64"}}) == "");
    // printf letmein | openssl enc -aes-256-cbc -K 3031..66 -iv 3031..66 -base64
    REQUIRE(
        tree.add("a", {{"data", "mgmkjumLCbFXEvEmCCmi8g=="}, {"format", "base64"}, {"keyid", "k"}, {"iv", iv}}) == "");
    CHECK(tree.held("a") == "letmein");
    // A whole block of text needs a whole block of padding.
    REQUIRE(tree.add("b",
                {{"data", "fb2IJy+yWTdpKjuBAEdBdVzCRgU8FQbFdK3yxA9c3n4="}, {"format", "base64"}, {"keyid", "k"},
                    {"iv", iv}})
        == "");
    CHECK(tree.held("b") == "0123456789abcdef");
}

TEST_CASE("secret: what cannot be decrypted makes no object")
{
    Tree tree;
    REQUIRE(tree.add("k", {{"data", key}, {"format", "base64"}}) == "");
    REQUIRE(tree.add("short", {{"data", "abc"}}) == "");
    auto const with = [&](std::string data, std::string keyid, std::string vector) {
        return tree.add("x", {{"data", data}, {"format", "base64"}, {"keyid", keyid}, {"iv", vector}});
    };
    CHECK(with("mgmkjumLCbFXEvEmCCmi8g==", "none", iv) == "No secret with id 'none'");
    CHECK(with("mgmkjumLCbFXEvEmCCmi8g==", "short", iv) == "Key should be 32 bytes in length");
    CHECK(with("mgmkjumLCbFXEvEmCCmi8g==", "k", "AAAA") == "IV should be 16 bytes in length not 3");
    CHECK(with("mgmkjumLCbFXEvEmCCmi8g==", "k", "!") == "Base64 data contains invalid characters");
    CHECK(with("AAAA", "k", iv) == "Length 3 must be a multiple of block size 16");
    CHECK(with("", "k", iv) == "Length 0 must be a multiple of block size 16");
    CHECK(with("AAAAAAAAAAAAAAAAAAAAAA==", "k", iv).starts_with("Incorrect number of padding bytes ("));
    CHECK(tree.held("x") == "! No secret with id 'x'");
}

TEST_CASE("secret_keyring: a key that the kernel keeps")
{
    Tree tree;
    auto const with = [&](std::int64_t serial) {
        return tree.add("x", {{"qom-type", "secret_keyring"}, {"serial", serial}});
    };
    CHECK(tree.add("x", {{"qom-type", "secret_keyring"}}) == "Parameter 'serial' is missing");
    CHECK(with(0) == "'serial' should not be equal to 0");
    CHECK(with(5'000'000'000) == "Parameter 'serial' expects int32_t");
    auto const keep = [](std::string_view text) {
        return ::syscall(SYS_add_key, "user", "minivisor-test", text.data(), text.size(), KEY_SPEC_PROCESS_KEYRING);
    };
    auto const serial = keep("letmein");
    if (serial < 0) {
        WARN("skipped: the kernel keeps no keys for this process: " << std::strerror(errno));
        CHECK(with(12345).starts_with("Unable to read serial key 00003039: "));
        return;
    }
    CHECK(with(0x7fffffff).starts_with("Unable to read serial key 7fffffff: "));
    REQUIRE(with(serial) == "");
    CHECK(tree.held("x") == "letmein");
    CHECK(tree.tree.find_user_object("x")->get("serial").value() == qapi::Value(serial));
    CHECK(tree.tree.find_user_object("x")->get("loaded").value() == qapi::Value(true));
    // Read once, at creation; given in base64 and encrypted as other secrets are.
    REQUIRE(keep("bGV0IG1lIGlu") == serial);
    CHECK(tree.held("x") == "letmein");
    REQUIRE(tree.add("y", {{"qom-type", "secret_keyring"}, {"serial", serial}, {"format", "base64"}}) == "");
    CHECK(tree.held("y") == "let me in");
    REQUIRE(tree.add("k", {{"data", key}, {"format", "base64"}}) == "");
    REQUIRE(keep("mgmkjumLCbFXEvEmCCmi8g==") == serial);
    REQUIRE(tree.add("z",
                {{"qom-type", "secret_keyring"}, {"serial", serial}, {"format", "base64"}, {"keyid", "k"}, {"iv", iv}})
        == "");
    CHECK(tree.held("z") == "letmein");
    REQUIRE(::syscall(SYS_keyctl, KEYCTL_REVOKE, serial) == 0);
    CHECK(tree.add("gone", {{"qom-type", "secret_keyring"}, {"serial", serial}}).find("Key has been revoked")
        != std::string::npos);
}

} // namespace
} // namespace minivisor::crypto

// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 8.3. The ciphertexts were made with `openssl enc -aes-256-cbc`.
#include "crypto/secret.hpp"
#include "qom/user_object.hpp"
#include "tests/unit/temp_dir.hpp"

#include <catch2/catch.hpp>

namespace minivisor::crypto {
namespace {

constexpr auto key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr auto iv = "MDEyMzQ1Njc4OWFiY2RlZg==";

struct Tree {
    Tree() { register_secrets(types); }
    /// "" or the complaint.
    std::string add(std::string const& id, qapi::Object arguments)
    {
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

} // namespace
} // namespace minivisor::crypto

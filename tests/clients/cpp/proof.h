// What proves that a record is in the ledger: a fold of hashes, and a signed note.

#pragma once

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace proof {

inline const unsigned char* Bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

inline std::string Sha256(const std::string& bytes) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(Bytes(bytes), bytes.size(), hash);
  return std::string(hash, hash + sizeof hash);
}

inline std::string Decoded(const std::string& base64) {
  std::string bytes;
  if (absl::Base64Unescape(base64, &bytes)) return bytes;
  throw std::runtime_error(absl::StrCat("this is no base64: ", base64));
}

// The root to which a record's proof leads; none if it fits no such tree. (RFC 9162 §2.1.3.2)
template <typename Hashes>
std::optional<std::string> Fold(const std::string& record, uint64_t index, uint64_t size,
                                const Hashes& siblings) {
  if (index >= size) return std::nullopt;
  uint64_t last = size - 1;
  std::string hash = Sha256('\0' + record);
  for (const std::string& sibling : siblings) {
    if (last == 0) return std::nullopt;
    if (index % 2 == 1 || index == last) {
      hash = Sha256('\1' + sibling + hash);
      for (; index % 2 == 0 && index != 0; index /= 2) last /= 2;
    } else {
      hash = Sha256('\1' + hash + sibling);
    }
    index /= 2;
    last /= 2;
  }
  if (last != 0) return std::nullopt;
  return hash;
}

// Whether one of a note's signatures is by the key `NAME+ID+BASE64`. (c2sp.org/signed-note)
inline bool Signed(const std::string& vkey, const std::string& text,
                   const std::string& signatures) {
  const std::vector<std::string> parts = absl::StrSplit(vkey, absl::MaxSplits('+', 2));
  if (parts.size() != 3) throw std::runtime_error("the key is not NAME+ID+BASE64");
  const std::string key = Decoded(parts[2]);
  if (key.size() != 33 || key[0] != '\1') throw std::runtime_error("the key is no Ed25519 key");
  const std::string id = Sha256(parts[0] + '\n' + key).substr(0, 4);
  if (absl::BytesToHexString(id) != parts[1])
    throw std::runtime_error("the key has another id than it says");
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> ed25519(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(key) + 1, 32), EVP_PKEY_free);

  // Others may have signed it, too.
  for (absl::string_view line : absl::StrSplit(signatures, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() != 3 || words[0] != "—" || words[1] != parts[0]) continue;
    const std::string signature = Decoded(words[2]);
    if (signature.size() != 68 || signature.substr(0, 4) != id) continue;
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> verifying(EVP_MD_CTX_new(),
                                                                           EVP_MD_CTX_free);
    if (EVP_DigestVerifyInit(verifying.get(), nullptr, nullptr, nullptr, ed25519.get()) == 1 &&
        EVP_DigestVerify(verifying.get(), Bytes(signature) + 4, 64, Bytes(text), text.size()) == 1)
      return true;
  }
  return false;
}

}  // namespace proof

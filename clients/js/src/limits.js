// Generated from provenance by tools/generate.py: change its sources, and run this script.

export const CANONICAL_SIDE = 512;
export const MAX_COSIGNED_NAME_BYTES = 255;
export const MAX_FINGERPRINTS = 32;
export const MAX_GENESIS_KEYS = 16;
export const MAX_IDENTIFIER_CHARACTERS = 255;
export const MAX_LINE_CHARACTERS = 500;
export const MAX_MEDIA_BYTES = 52428800;
export const MAX_NOTE_BYTES = 1000000;
export const MAX_NOTE_SIGNATURES = 100;
export const MAX_PARENTS = 64;
export const MAX_POLICY_BYTES = 1000000;
export const MAX_POLICY_NAMES = 128;
export const MAX_PROOF_BYTES = 1200000;
export const MAX_PROOF_EXTRA_BYTES = 65535;
export const MAX_PROOF_HASHES = 63;
export const MAX_PUBLISHER_ID_CHARACTERS = 63;
export const MAX_RECEIPT_BYTES = 8388608;
export const MAX_RECEIPT_RECORDS = 64;
export const MAX_RECORD_BYTES = 65535;
export const MAX_RECORD_DEPTH = 16;
export const MAX_SAFE_INTEGER = 9007199254740991;
export const MAX_TEXT_CHARACTERS = 8000;
export const MAX_TIMESTAMP_BYTES = 65536;
export const MAX_TREE_SIZE = 9223372036854775807n;
export const MAX_VERDICT_AXES = 16;
export const MAX_VERDICT_METHODS = 64;
export const MAX_VERDICT_RECORDS = 64;
export const MAX_VERIFIER_KEY_CHARACTERS = 2048;
export const TILE_WIDTH = 256;
export const STEPS = [
  "Receipt well-formed",
  "Log key",
  "Checkpoint signature",
  "Genesis record",
  "Publisher key enrolled",
  "Publisher key in force",
  "Statement",
  "Inclusion in the log",
  "Media",
  "Time stamp",
  "Origins"
];
export const DIGITAL_SOURCE_TYPES = [
  "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
  "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced",
  "http://cv.iptc.org/newscodes/digitalsourcetype/composite",
  "http://cv.iptc.org/newscodes/digitalsourcetype/compositeCapture",
  "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic",
  "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
  "http://cv.iptc.org/newscodes/digitalsourcetype/computationalCapture",
  "http://cv.iptc.org/newscodes/digitalsourcetype/dataDrivenMedia",
  "http://cv.iptc.org/newscodes/digitalsourcetype/digitalArt",
  "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
  "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation",
  "http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits",
  "http://cv.iptc.org/newscodes/digitalsourcetype/minorHumanEdits",
  "http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm",
  "http://cv.iptc.org/newscodes/digitalsourcetype/positiveFilm",
  "http://cv.iptc.org/newscodes/digitalsourcetype/print",
  "http://cv.iptc.org/newscodes/digitalsourcetype/screenCapture",
  "http://cv.iptc.org/newscodes/digitalsourcetype/softwareImage",
  "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
  "http://cv.iptc.org/newscodes/digitalsourcetype/virtualRecording"
];

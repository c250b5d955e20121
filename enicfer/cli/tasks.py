"""The commands by task, with a line each: what ``enicfer --help`` lists, without importing any of them."""

TASKS: dict[str, dict[str, str]] = {
    "Begin": {
        "example-session": "Write an example session, with all true answers.",
        "doctor": "Show what is installed, and test it.",
        "protocols": "List the protocols, or check your own.",
        "models": "List, fetch and add weights of face detectors.",
    },
    "One session": {
        "events": "List the codes in the recordings and logs of a session.",
        "align": "Relate the clocks of video and recording alone.",
        "process-session": "From video and recording to expressions in trials.",
        "trace": "Classify the expression in every frame of a video.",
        "import": "Use the table of another program instead of the video.",
    },
    "A study": {
        "process-sessions": "Process many session folders, and go on where it stopped.",
        "process-dataset": "Process a BIDS data set (a BIDS App).",
        "slurm-script": "Print a SLURM job array for many sessions.",
        "cache": "List or remove what is kept of watched videos.",
    },
    "Look and correct": {
        "review": "See, correct and sign off sessions in the browser.",
    },
    "Code by hand": {
        "codebooks": "List the codebooks, or check your own.",
        "sample": "Draw frames worth coding.",
        "code": "Code faces, trials or whole videos in the browser.",
        "import-coding": "Store codes of another program beside the results.",
        "export-coding": "Write codes for BORIS, ELAN, Datavyu and BIDS.",
        "agreement": "Compare coders with each other and the classifier.",
        "manifest": "Cut the coded faces out, to train on.",
    },
    "Analyse and share": {
        "apply": "Write a recording with the emotion events.",
        "export": "Write files for EEGLAB, FieldTrip, SPM, FSL, AFNI and others.",
        "bidsify": "Put a session into a BIDS data set.",
        "share-check": "Find faces, names and dates before you share.",
        "deidentify": "Cover every face of a video.",
        "forget": "Remove all that was made of a participant.",
    },
    "Train a classifier": {
        "dataset": "Look at a data set of labelled faces.",
        "train": "Train a classifier by a recipe.",
        "evaluate": "Measure a classifier.",
        "cross-validate": "Train and test by folds of people.",
        "cross-evaluate": "Measure every model on every data set.",
        "saliency": "Show which parts of the face decided.",
        "saliency-compare": "Compare these parts in two groups.",
    },
}

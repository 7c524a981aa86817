/** Makes an empty folder below the system's temporary folder. Remove it with {@link removeFolder}; a later test run does it otherwise. */
export declare function temporaryFolder(): string;

export declare function removeFolder(folder: string): void;

/** Removes what test runs left that were killed. */
export declare function removeFoldersOfDeadProcesses(): void;
